// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"example.com/mailcall/bench/internal/contender"
	"example.com/mailcall/bench/internal/proc"
	"example.com/mailcall/bench/internal/report"
)

// TestMain plays the role of a child process if it is started as one.
func TestMain(m *testing.M) {
	if os.Getenv(proc.Env) != "" {
		os.Exit(run(os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
	}
	// With the race detector each child would otherwise sleep for a second before it
	// exits.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE")); err != nil {
		os.Exit(exitFailed)
	}
	goleak.VerifyTestMain(m)
}

// rpcbench runs a driver in this process, and its children as processes.
func rpcbench(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, progress bytes.Buffer
	code = run(args, streams{strings.NewReader(""), &out, &progress})
	return code, out.String(), progress.String()
}

func TestCallsSmoke(t *testing.T) {
	for _, kind := range []string{"minimal", "greeter"} {
		t.Run(kind, func(t *testing.T) {
			folder := t.TempDir()
			code, out, progress := rpcbench(t, "calls", "--server", kind, "--contenders", "fasthttp,floor", "--base", "floor",
				"--callers", "1,4", "--payload", "64", "--rounds", "2", "--slice", "30ms", "--warmup", "10ms",
				"--deadline-context", "--json", "--out", "smoke", "--results", folder)
			if code != exitOK {
				t.Fatalf("got code %d, %s, want 0", code, progress)
			}
			var r report.Calls
			if err := json.Unmarshal([]byte(out), &r); err != nil {
				t.Fatal(err)
			}
			checkCalls(t, r)
			if got := strings.Count(progress, "\n"); got != 8 {
				t.Errorf("got %d lines of progress, want 8", got)
			}
			for _, name := range []string{"smoke.json", "smoke.md"} {
				if info, err := os.Stat(filepath.Join(folder, name)); err != nil || info.Size() == 0 {
					t.Errorf("%s: got %v, want a file with content", name, err)
				}
			}
		})
	}
}

func checkCalls(t *testing.T, r report.Calls) {
	t.Helper()
	if len(r.Cells) != 2 || r.Base != "floor" || r.Partial {
		t.Fatalf("got %d cells, base %q, partial %t, want 2, floor, false", len(r.Cells), r.Base, r.Partial)
	}
	for _, cell := range r.Cells {
		var order []string
		for _, s := range cell.Samples {
			order = append(order, s.Contender)
			if s.Calls < 1 || s.Errors != 0 || s.ClientCPU <= 0 || s.ServerCPU <= 0 {
				t.Errorf("got %+v, want calls, CPU on both sides and no errors", s)
			}
		}
		if got := strings.Join(order, " "); got != "fasthttp floor fasthttp floor" {
			t.Errorf("got order %q, want the contenders interleaved", got)
		}
		if len(cell.Rows) != 2 || cell.Rows[0].Rate.N != 2 {
			t.Errorf("got rows %+v, want two with two ratios each", cell.Rows)
		}
	}
}

func TestRPCSmoke(t *testing.T) {
	code, out, progress := rpcbench(t, "rpc", "--callers", "1,8", "--payload", "64,65536", "--rounds", "1",
		"--slice", "150ms", "--warmup", "50ms", "--json", "--base", "grpc,raw-mux")
	if code != exitOK {
		t.Fatalf("got code %d, %s, want 0", code, progress)
	}
	r := decode(t, out)
	if len(r.Cells) != 4 || r.Base != "grpc" || len(r.Overviews) != 2 {
		t.Fatalf("got %d cells, base %q, %d overviews, want 4, grpc, 2", len(r.Cells), r.Base, len(r.Overviews))
	}
	all := contender.Defaults(contender.RPC)
	for _, cell := range r.Cells {
		checkSamples(t, cell, all)
	}
}

func TestStreamsSmoke(t *testing.T) {
	code, out, progress := rpcbench(t, "streams", "--streams", "1,8", "--payload", "64", "--rounds", "1",
		"--slice", "30ms", "--warmup", "10ms", "--json")
	if code != exitOK {
		t.Fatalf("got code %d, %s, want 0", code, progress)
	}
	r := decode(t, out)
	var modes []string
	for _, cell := range r.Cells {
		modes = append(modes, cell.Mode)
		checkSamples(t, cell, contender.Defaults(contender.Streams))
	}
	if got := strings.Join(modes, " "); got != strings.Join([]string{"ping-pong", "ping-pong", "one-way", "one-way"}, " ") {
		t.Errorf("got modes %q, want each with both numbers of streams", got)
	}
}

func decode(t *testing.T, out string) report.Calls {
	t.Helper()
	var r report.Calls
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// checkSamples requires one valid sample of each contender.
func checkSamples(t *testing.T, cell report.Cell, names []string) {
	t.Helper()
	if len(cell.Samples) != len(names) {
		t.Errorf("%d B, %d callers: got %d samples, want %d", cell.Payload, cell.Callers, len(cell.Samples), len(names))
	}
	for _, s := range cell.Samples {
		if s.Calls < 1 || s.Errors != 0 || s.ClientCPU <= 0 || s.ServerCPU <= 0 {
			t.Errorf("%d B, %d callers: got %+v, want calls, CPU on both sides and no errors", cell.Payload, cell.Callers, s)
		}
	}
}

func TestMemorySmoke(t *testing.T) {
	code, out, progress := rpcbench(t, "memory", "--contenders", "fasthttp,nethttp,floor,grpc", "--callers", "100", "--rounds", "1", "--json")
	if code != exitOK {
		t.Fatalf("got code %d, %s, want 0", code, progress)
	}
	var r report.Memory
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Rows) != 4 {
		t.Fatalf("got %d rows, want 4", len(r.Rows))
	}
	for _, row := range r.Rows {
		if row.Median.Goroutines < 1 || row.Median.Stack <= 0 {
			t.Errorf("got %+v, want a goroutine and a stack for each call", row.Median)
		}
	}
}

// cancelOn cancels at the first write, which is the first line of progress.
type cancelOn struct{ cancel context.CancelFunc }

func (c cancelOn) Write(p []byte) (int, error) {
	c.cancel()
	return len(p), nil
}

func TestInterruptedRunPrintsWhatItHas(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out bytes.Buffer
	args := []string{"--contenders", "floor", "--callers", "1", "--payload", "64", "--slice", "20ms", "--warmup", "0s"}
	err := driveCells(contender.Calls, "calls")(ctx, args, streams{strings.NewReader(""), &out, cancelOn{cancel}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if code := exitCode(err, io.Discard); code != exitInterrupted {
		t.Errorf("got code %d, want %d", code, exitInterrupted)
	}
	for _, want := range []string{"Partial", "64 B, 1 callers", "| floor"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("got %s\nwant %q in it", out.String(), want)
		}
	}
}

func TestMistakesInTheCommandLine(t *testing.T) {
	for _, args := range [][]string{
		{"other"},
		{"calls", "stray"},
		{"--nothing"},
		{"--rounds", "0"},
		{"--contenders", "other"},
		{"--contenders", ","},
		{"--contenders", "floor", "--base", "fasthttp"},
		{"--callers", "x"},
		{"--callers", "0"},
		{"--payload", "130"},
		{"--slice", "2h"},
		{"--server", "silent"},
		{"--out", "../up"},
		{"rpc", "--server", "greeter"},
		{"rpc", "--contenders", "floor"},
		{"rpc", "--payload", "139"},
		{"streams", "--mode", "other"},
		{"streams", "--mode", ""},
		{"streams", "--callers", "1"},
		{"memory", "--callers", "1,2"},
		{"memory", "--slice", "1s"},
	} {
		code, out, progress := rpcbench(t, args...)
		if code != exitUsage || out != "" || progress == "" {
			t.Errorf("%q: got code %d, output %q, message %q, want %d, none, one", args, code, out, progress, exitUsage)
		}
	}
}
