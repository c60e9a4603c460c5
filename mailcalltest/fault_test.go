// SPDX-License-Identifier: Apache-2.0

package mailcalltest_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/tests/wire"
)

const helloRequest = "POST / HTTP/1.1\r\nHost: x\r\nMicro-Endpoint: Greeter.Hello\r\n" +
	"Content-Type: application/json\r\nContent-Length: 14\r\n\r\n{\"name\":\"Ann\"}"

// exchange sends a request on a new connection and returns what was received until the
// connection ended or the reader stopped.
func exchange(t *testing.T, address string, limit int64) (string, error) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, helloRequest); err != nil {
		return "", err
	}
	got, err := io.ReadAll(io.LimitReader(conn, limit))
	return string(got), err
}

// The faults that send bytes, and what a client receives.
func TestByteFaults(t *testing.T) {
	const whole, all = "HTTP/1.1 200 OK\r\n", 1 << 20
	cases := []struct {
		name  string
		fault mailcalltest.Fault
		limit int64
		want  string
		err   error
	}{
		{"refuse", mailcalltest.Refuse(1), all, "", syscall.ECONNRESET},
		{"close", mailcalltest.Close(), all, "", nil},
		{"reset at once", mailcalltest.Reset(0), all, "", syscall.ECONNRESET},
		{"reset", mailcalltest.Reset(10), all, whole[:10], syscall.ECONNRESET},
		{"truncate", mailcalltest.Truncate(10), all, whole[:10], nil},
		{"truncate nothing", mailcalltest.Truncate(0), all, "", nil},
		{"garbage", mailcalltest.Garbage([]byte("\x00\xff??")), 4, "\x00\xff??", nil},
		{"status", mailcalltest.HTTPStatus(502), 24, "HTTP/1.1 502 Bad Gateway", nil},
		{"slow", mailcalltest.Slow(3, time.Millisecond), 17, whole, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server := mailcalltest.Start(t, mailcalltest.WithScript(mailcalltest.Script{c.fault}))
			got, err := exchange(t, server.Address(), c.limit)
			if got != c.want || !errors.Is(err, c.err) {
				t.Errorf("got %q, %v, want %q, %v", got, err, c.want, c.err)
			}
			if left := server.ScriptLeft(); left != 0 {
				t.Errorf("got %d faults left, want 0", left)
			}
			newClient(t, server.Address()).hello()
		})
	}
}

// A delayed answer is complete.
func TestSlowAnswerIsWhole(t *testing.T) {
	server := mailcalltest.Start(t)
	server.SetScript(mailcalltest.Script{mailcalltest.Slow(7, time.Millisecond)})
	c := newClient(t, server.Address())
	c.hello()
	c.hello()
}

func TestErrorFault(t *testing.T) {
	server := mailcalltest.Start(t)
	server.SetScript(mailcalltest.Script{mailcalltest.Error(503)})
	c := newClient(t, server.Address())
	got, err := c.call("Greeter.Hello", `{"name":"Ann"}`)
	want := `{"id":"greeter.fault","code":503,"detail":"injected fault","status":"Service Unavailable"}`
	if err != nil || got.status != http.StatusOK || got.header.Get("Micro-Error") != want {
		t.Errorf("got %+v, %v, want the error %s", got, err, want)
	}
	c.hello()
	mailcalltest.AssertCalls(t, server, "Greeter.Hello", 2)
	if handled := server.Endpoint("Greeter.Hello").Handled; handled != 1 {
		t.Errorf("got %d handled, want 1", handled)
	}
}

// A swallowed request leaves the connection intact: the next request is answered.
func TestSilence(t *testing.T) {
	server := mailcalltest.Start(t, mailcalltest.WithScript(mailcalltest.Script{mailcalltest.Silence()}))
	conn, err := net.Dial("tcp", server.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	second := strings.Replace(helloRequest, "\r\n\r\n", "\r\nMicro-Stream: 2\r\n\r\n", 1)
	if _, err := io.WriteString(conn, helloRequest+second); err != nil {
		t.Fatal(err)
	}
	m, err := wire.ReadMessage(wire.NewReader(conn))
	if err != nil || !strings.HasSuffix(string(m), helloAnn+"\n") {
		t.Errorf("got %q, %v, want the answer to the second request", m, err)
	}
}

// The refusals of a script apply to connections, its other faults to requests, in
// order.
func TestScriptOrder(t *testing.T) {
	server := mailcalltest.Start(t)
	server.SetScript(mailcalltest.Script{
		mailcalltest.Refuse(2),
		mailcalltest.Pass(),
		mailcalltest.Error(500).Times(2),
		mailcalltest.Error(400).Times(0),
		{},
		mailcalltest.Delay(time.Millisecond),
	})
	if left := server.ScriptLeft(); left != 6 {
		t.Errorf("got %d faults left, want 6", left)
	}
	for range 2 {
		if got, err := exchange(t, server.Address(), 1); err == nil && got != "" {
			t.Errorf("got %q, want a refused connection", got)
		}
	}
	c := newClient(t, server.Address())
	var codes []string
	for range 4 {
		got, err := c.call("Greeter.Hello", `{}`)
		if err != nil {
			t.Fatal(err)
		}
		code := "ok"
		if text := got.header.Get("Micro-Error"); text != "" {
			_, code, _ = strings.Cut(text, `"code":`)
			code = code[:3]
		}
		codes = append(codes, code)
	}
	if got, want := strings.Join(codes, " "), "ok 500 500 ok"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	stats := server.Stats()
	if stats.Refused != 2 || stats.Faults != 4 || stats.Connections != 3 {
		t.Errorf("got %+v, want 2 refused, 4 faults, 3 connections", stats)
	}
}

// The same seed fails the same calls, another seed different ones.
func TestFailRate(t *testing.T) {
	run := func(seed uint64) string {
		server := mailcalltest.Start(t, mailcalltest.WithSeed(seed))
		server.SetFailRate(0.5)
		c := newClient(t, server.Address())
		var calls strings.Builder
		for range 40 {
			got, err := c.call("Greeter.Hello", `{}`)
			if err != nil {
				t.Fatal(err)
			}
			if got.header.Get("Micro-Error") == "" {
				calls.WriteByte('.')
			} else {
				calls.WriteByte('x')
			}
		}
		return calls.String()
	}
	first, again, other := run(7), run(7), run(8)
	if first != again {
		t.Errorf("got %s and %s with one seed, want the same", first, again)
	}
	if first == other || !strings.Contains(first, ".") || !strings.Contains(first, "x") {
		t.Errorf("got %s and %s with two seeds, want two mixtures", first, other)
	}
}

func TestPauseAndResume(t *testing.T) {
	server := mailcalltest.Start(t)
	server.Pause()
	c := newClient(t, server.Address())
	got := make(chan string)
	go func() {
		a, err := c.call("Greeter.Hello", `{"name":"Ann"}`)
		if err != nil {
			a.body = err.Error()
		}
		got <- strings.TrimSpace(a.body)
	}()
	for server.Calls("Greeter.Hello") == 0 {
		select {
		case text := <-got:
			t.Fatalf("got %s, want nothing while paused", text)
		default:
			runtime.Gosched()
		}
	}
	if handled := server.Endpoint("Greeter.Hello").Handled; handled != 0 {
		t.Errorf("got %d handled, want 0 while paused", handled)
	}
	server.Resume()
	server.Resume() // has no effect
	if text := <-got; text != helloAnn {
		t.Errorf("got %s, want %s", text, helloAnn)
	}
}

// A paused responder can be closed.
func TestCloseWhilePaused(t *testing.T) {
	server := mailcalltest.Start(t)
	server.Pause()
	failed := make(chan error)
	c := newClient(t, server.Address())
	go func() {
		_, err := c.call("Greeter.Hello", `{}`)
		failed <- err
	}()
	for server.Calls("Greeter.Hello") == 0 {
		runtime.Gosched()
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if err := <-failed; err == nil {
		t.Error("got an answer, want a lost connection")
	}
}

// SetDelay applies to every request until it is set to 0.
func TestSetDelay(t *testing.T) {
	server := mailcalltest.Start(t)
	server.SetDelay(time.Millisecond)
	c := newClient(t, server.Address())
	c.hello()
	c.hello()
	server.SetDelay(0)
	c.hello()
	if got := server.Stats().Faults; got != 2 {
		t.Errorf("got %d faults, want 2", got)
	}
}
