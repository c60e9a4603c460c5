// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestPublishAndSubscribe(t *testing.T) {
	url := natsServer(t)
	for name, at := range map[string][]string{
		"http":     {"--broker=http", "--registry=" + url},
		"nats":     {"--broker=nats", "--broker-address=" + url},
		"nats url": {"--broker=" + url},
	} {
		d := talk(t, append([]string{"subscribe", "orders", "--count=4"}, at...)...)
		d.hear(t, d.err, "subscribed orders")
		for _, tc := range []struct{ args, body, want string }{
			{"", `{"id": 1}`, `{"id":1}`},
			{"--content-type=text/plain", "a line", "a line"},
			{"--content-type=text/plain", "two\nlines", `"two\nlines"`},
			{"--header=Trace=x", "-", `{"id":"stdin"}`},
		} {
			args := append([]string{"publish", "orders", tc.body}, at...)
			if tc.args != "" {
				args = append(args, tc.args)
			}
			cmd := command(t, args...)
			cmd.Stdin = strings.NewReader(`{"id":"stdin"}`)
			if got := finish(t, cmd); got.code != 0 || got.out != "" || got.errors != "" {
				t.Errorf("%s: got exit code %d, %q, %q, want 0 and nothing", name, got.code, got.out, got.errors)
			}
			d.hear(t, d.out, tc.want)
		}
		if got := d.end(t); got.code != 0 || got.out != "" || got.errors != "" {
			t.Errorf("%s: got exit code %d, %q, %q, want 0 and no more", name, got.code, got.out, got.errors)
		}
	}
}

func TestEventsAsJSON(t *testing.T) {
	url := natsServer(t)
	d := talk(t, "subscribe", "--json", "--broker", url, "orders.*")
	d.hear(t, d.err, `{"subscribed":"orders.*"}`)
	for _, tc := range []struct{ contentType, body, want, encoding string }{
		{"application/json", `{ "id": 1 }`, `{"id":1}`, ""},
		{"text/plain", "1", `"1"`, ""},
		{"application/octet-stream", "a\xff", `"Yf8="`, "base64"},
	} {
		cmd := command(t, "publish", "--broker", url, "-H", "Trace=x", "--content-type", tc.contentType, "orders.new", "-")
		cmd.Stdin = strings.NewReader(tc.body)
		if got := finish(t, cmd); got.code != 0 {
			t.Fatalf("publish: got exit code %d and %q, want 0", got.code, got.errors)
		}
		line, err := d.out.ReadString('\n')
		var event struct {
			Topic    string            `json:"topic"`
			Header   map[string]string `json:"header"`
			Body     json.RawMessage   `json:"body"`
			Encoding string            `json:"encoding"`
		}
		if e := json.Unmarshal([]byte(line), &event); err != nil || e != nil {
			t.Fatalf("got %q, %v, %v, want a line of JSON", line, err, e)
		}
		if event.Topic != "orders.new" || string(event.Body) != tc.want || event.Encoding != tc.encoding {
			t.Errorf("got %s, want topic orders.new, body %s, encoding %q", line, tc.want, tc.encoding)
		}
		h := event.Header
		if h["Trace"] != "x" || h["Content-Type"] != tc.contentType || h["Micro-Topic"] != "orders.new" || h["Micro-ID"] == "" {
			t.Errorf("got header %v, want Trace, the content type %s, the topic and an id", h, tc.contentType)
		}
	}
	if err := d.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if got := d.end(t); got.code != 0 || got.out != "" || got.errors != "" {
		t.Errorf("SIGINT: got exit code %d, %q, %q, want 0 and no more", got.code, got.out, got.errors)
	}
}

func TestQueuesShareEvents(t *testing.T) {
	url := natsServer(t)
	at := []string{"--broker=http", "--registry=" + url}
	read, write, err := os.Pipe() // both subscribers write to it
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	var members []*exec.Cmd
	for range 2 {
		cmd := command(t, append([]string{"subscribe", "orders", "--queue=q"}, at...)...)
		cmd.Stdout = write
		errs, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(errs).ReadString('\n'); err != nil || line != "subscribed orders\n" {
			t.Fatalf("got %q, %v, want that it has subscribed", line, err)
		}
		members = append(members, cmd)
	}
	write.Close()
	events := bufio.NewReader(read)
	for i := range 4 {
		body := `{"id":` + strconv.Itoa(i) + `}`
		if got := mailcall(t, append([]string{"publish", "orders", body}, at...)...); got.code != 0 {
			t.Errorf("publish: got exit code %d and %q, want 0", got.code, got.errors)
		}
		if line, err := events.ReadString('\n'); err != nil || line != body+"\n" {
			t.Fatalf("got %q, %v, want %s", line, err, body)
		}
	}
	for _, cmd := range members {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("SIGTERM: got %v, want exit code 0", err)
		}
	}
	if rest, err := io.ReadAll(events); err != nil || len(rest) > 0 {
		t.Errorf("got %q, %v, want no more: each event goes to one of the queue", rest, err)
	}
	if got := mailcall(t, append([]string{"publish", "orders", "{}"}, at...)...); got.code != 3 || !strings.Contains(got.errors, "hint: is a subscriber running") {
		t.Errorf("nobody left: got exit code %d and %q, want 3", got.code, got.errors)
	}
}

func TestBadBrokers(t *testing.T) {
	nobody := "nats://" + closedPort(t)
	mute := silent(t)
	for _, tc := range []struct {
		args []string
		code int
		err  string
	}{
		{[]string{"publish", "orders", "{}"}, 1, "hint: add --registry"},
		{[]string{"publish", "orders", "{}", "--broker=smoke"}, 1, `unknown broker "smoke"`},
		{[]string{"publish", "orders", "{}", "--broker=http://a:1"}, 1, "unknown broker"},
		{[]string{"publish", "orders", "{}", "--broker=" + nobody, "--broker-address=x"}, 1, "both give an address"},
		{[]string{"publish", "orders", "{", "--broker=" + nobody}, 1, "the body is not JSON"},
		{[]string{"publish", "orders", "{}", "-H", "x", "--broker=" + nobody}, 1, "has no ="},
		{[]string{"publish", "orders"}, 1, "hint: "},
		{[]string{"publish", "", "{}", "--broker=" + nobody}, 1, "the topic is empty"},
		{[]string{"publish", "orders", "{}", "--timeout=-1s", "--broker=" + nobody}, 1, "must not be negative"},
		{[]string{"publish", "orders", "{}", "--broker=" + nobody}, 3, "hint: is the NATS server running"},
		{[]string{"publish", "orders", "{}", "--timeout=100ms", "--broker=nats://" + mute}, 3, "hint: no connection was established: is the address of the broker right"},
		{[]string{"publish", "-v", "orders", "{}", "--broker=" + nobody}, 3, "attempt 1: "},
		{[]string{"publish", "-v", "orders", "{}", "--timeout=100ms", "--registry=nats://" + mute}, 3, "hint: increase --timeout\n"},
		{[]string{"publish", "orders", "{}", "--registry=static:a=127.0.0.1:1"}, 3, "nobody subscribes"},
		{[]string{"publish", "orders", "{}", "--registry=" + nobody}, 3, "not connected"},
		{[]string{"subscribe", "orders"}, 1, "hint: add --registry"},
		{[]string{"subscribe", "orders", "--registry=static:a=127.0.0.1:1"}, 1, "does not accept announcements"},
		{[]string{"subscribe", "orders", "--registry=" + nobody}, 3, "not connected"},
		{[]string{"subscribe", "orders", "--broker=" + nobody}, 3, "hint: is the NATS server running"},
		{[]string{"subscribe", "orders", "--registry=" + natsServer(t), "--broker-address=" + mute}, 1, "hint: choose another --broker-address"},
		{[]string{"subscribe", "orders", "--broker=smoke"}, 1, "unknown broker"},
		{[]string{"subscribe", "", "--broker=" + nobody}, 1, "the topic is empty"},
		{[]string{"subscribe", "orders", "--count=-1", "--broker=" + nobody}, 1, "must not be negative"},
	} {
		got := mailcall(t, tc.args...)
		if got.code != tc.code || got.out != "" || !strings.Contains(got.errors, tc.err) {
			t.Errorf("%q: got exit code %d, %q, %q, want %d and %q", tc.args, got.code, got.out, got.errors, tc.code, tc.err)
		}
		var f failure
		got = mailcall(t, append(tc.args, "--json")...)
		if err := json.Unmarshal([]byte(got.errors), &f); err != nil || got.code != tc.code || f.Detail == nil || *f.Detail == "" || (*f.Code == 400) != (tc.code == 1) {
			t.Errorf("%q --json: got exit code %d and %q, want %d and one object: %v", tc.args, got.code, got.errors, tc.code, err)
		}
	}
}
