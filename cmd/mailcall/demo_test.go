// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

var (
	stdoutOf = (*exec.Cmd).StdoutPipe
	stderrOf = (*exec.Cmd).StderrPipe
)

// summary has the fields of the demo's summary that the test checks.
type summary struct {
	Calls     int64  `json:"calls"`
	Answered  int64  `json:"answered"`
	Lost      int64  `json:"lost"`
	Duration  int64  `json:"duration_ns"`
	P50       int64  `json:"p50_ns"`
	P99       int64  `json:"p99_ns"`
	Max       int64  `json:"max_ns"`
	Inspector string `json:"inspector"`
	Faults    struct {
		Slowed    int `json:"slowed"`
		Killed    int `json:"killed"`
		Restarted int `json:"restarted"`
	} `json:"faults"`
	Errors []struct {
		Error string `json:"error"`
	} `json:"errors"`
}

func TestDemoLosesNothing(t *testing.T) {
	for _, args := range [][]string{{}, {"--nodes=2", "--rate=1000"}, {"--nodes=1", "--rate=500"}} {
		got := mailcall(t, append([]string{"demo", "--duration=3s", "--json"}, args...)...)
		var s summary
		if err := json.Unmarshal([]byte(got.out), &s); err != nil {
			t.Fatalf("%v: got %q, want the summary as JSON: %v", args, got.out, err)
		}
		if got.code != 0 || s.Lost != 0 || len(s.Errors) != 0 || s.Calls == 0 || s.Calls != s.Answered {
			t.Errorf("%v: got exit code %d and %s, want 0 and every call answered", args, got.code, got.out)
		}
		if s.P50 <= 0 || s.P99 < s.P50 || s.Faults.Slowed+s.Faults.Killed == 0 {
			t.Errorf("%v: got %s, want latencies in order and faults", args, got.out)
		}
		if len(args) == 0 && (s.Faults.Killed == 0 || s.Faults.Restarted == 0 || s.Faults.Slowed == 0) {
			t.Errorf("got faults %+v, want some of each", s.Faults)
		}
		if !strings.Contains(got.errors, s.Inspector) {
			t.Errorf("%v: got progress %q, want the inspector's URL %s in it", args, got.errors, s.Inspector)
		}
	}
}

func TestDemoInterrupted(t *testing.T) {
	p := start(t, stdoutOf, "demo", "--duration=10m")
	page := inspector(t, p.lines)
	for _, path := range []string{"", "v1/snapshot", "v1/config"} {
		if status := statusOf(t, page+path); status != http.StatusOK {
			t.Errorf("%s: got status %d, want 200", page+path, status)
		}
	}
	line, err := p.lines.ReadString('\n') // the first line of progress, after 2 s of calls
	if err != nil || !strings.Contains(line, "errors 0") || !strings.Contains(line, "p99") {
		t.Errorf("got %q, %v, want a line of progress", line, err)
	}
	code, rest := p.interrupt(t, syscall.SIGINT)
	if code != 0 || !strings.Contains(rest, "0 lost") {
		t.Errorf("got exit code %d and %q, want 0 and the partial summary", code, rest)
	}
}

// inspector reads lines up to the one with the inspector's URL.
func inspector(t *testing.T, lines *bufio.Reader) string {
	t.Helper()
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("got %v, want the inspector's URL", err)
		}
		if at := strings.Index(line, "http://"); at >= 0 {
			return strings.TrimSpace(line[at:])
		}
	}
}

func statusOf(t *testing.T, url string) int {
	t.Helper()
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	rsp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer rsp.Body.Close()
	if _, err := io.Copy(io.Discard, rsp.Body); err != nil {
		t.Fatal(err)
	}
	return rsp.StatusCode
}
