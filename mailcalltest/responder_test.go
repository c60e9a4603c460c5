// SPDX-License-Identifier: Apache-2.0

package mailcalltest_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/rpcerr"
)

// After Kill the address refuses connections, after Restart it answers again; the
// counters continue.
func TestKillAndRestart(t *testing.T) {
	server := mailcalltest.Start(t)
	c := newClient(t, server.Address())
	c.hello()
	server.Kill()
	if _, err := net.Dial("tcp", server.Address()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v, want a refused connection", err)
	}
	if open := server.Stats().Open; open != 0 {
		t.Errorf("got %d connections open, want 0", open)
	}
	address := server.Address()
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	c.http.CloseIdleConnections() // the old connection is dead
	if server.Address() != address {
		t.Errorf("got address %s, want %s", server.Address(), address)
	}
	c.hello()
	mailcalltest.AssertCalls(t, server, "Greeter.Hello", 2)
}

// Kill drops running calls.
func TestKillDropsCalls(t *testing.T) {
	server := mailcalltest.Start(t)
	c := newClient(t, server.Address())
	failed := make(chan error)
	go func() {
		_, err := c.call("Greeter.Sleep", `{"sleep_ms":3600000}`)
		failed <- err
	}()
	for server.Endpoint("Greeter.Sleep").Handled == 0 {
		runtime.Gosched()
	}
	server.Kill()
	if err := <-failed; err == nil {
		t.Error("got an answer, want a lost connection")
	}
	if err := server.Close(); err != nil { // ends the wait
		t.Error(err)
	}
	if got := server.Endpoint("Greeter.Sleep"); got.Abandoned != 1 {
		t.Errorf("got %+v, want one abandoned", got)
	}
}

func TestLifeErrors(t *testing.T) {
	server := mailcalltest.New("x")
	if server.Address() != "" {
		t.Errorf("got address %q, want none before Listen", server.Address())
	}
	if err := server.Restart(); err == nil {
		t.Error("got no error for Restart before Listen")
	}
	if err := server.Serve(newPipes()); err != nil {
		t.Fatal(err)
	}
	if err := server.Restart(); err == nil {
		t.Error("got no error for Restart while serving")
	}
	second := newPipes()
	if err := server.Serve(second); err == nil {
		t.Error("got no error for a second Serve")
	}
	<-second.closed
	server.Kill()
	if err := server.Restart(); err == nil {
		t.Error("got no error for Restart after Serve")
	}
	if err := errors.Join(server.Close(), server.Close()); err != nil {
		t.Error(err)
	}
	if err := server.Serve(newPipes()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want net.ErrClosed", err)
	}
}

// The handler gets the deadline of a request, and its context ends with the connection.
func TestDeadlineAndEnd(t *testing.T) {
	ended := make(chan error, 1)
	wait := mailcalltest.Handle("Greeter.Wait", func(ctx context.Context, _ *greet.HelloRequest, _ *greet.HelloReply) error {
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	})
	server := mailcalltest.Start(t, mailcalltest.WithHandlers(wait))
	c := newClient(t, server.Address())
	if got, want := c.must("Greeter.Deadline", `{}`, "Timeout: 8950000000"), `{"seq":"9000"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, none := range []string{"", "5s", "-1"} {
		if got, want := c.must("Greeter.Deadline", `{}`, "Timeout: "+none), `{"seq":"-1"}`; got != want {
			t.Errorf("Timeout %q: got %s, want %s", none, got, want)
		}
	}
	if got := server.Endpoint("Greeter.Deadline"); got.Timeouts != 1 || got.LastTimeout != 8950*time.Millisecond {
		t.Errorf("got %+v, want one timeout of 8.95s", got)
	}
	got, err := c.call("Greeter.Wait", `{}`, "Timeout: 1000000")
	if err != nil || got.header.Get("Micro-Error") != context.DeadlineExceeded.Error() {
		t.Errorf("got %+v, %v, want %v", got, err, context.DeadlineExceeded)
	}
	<-ended
	conn, err := net.Dial("tcp", server.Address())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprint(conn, strings.Replace(helloRequest, "Hello", "Wait", 1)); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

// recorder is a testing.TB that only records that it failed.
type recorder struct {
	testing.TB
	failures []string
}

func (*recorder) Helper() {}

func (*recorder) Logf(string, ...any) {}

func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func TestAssertions(t *testing.T) {
	r := &recorder{TB: t}
	call := &rpcerr.CallError{Attempts: make([]rpcerr.Attempt, 2), Err: rpcerr.ErrClosed}
	mailcalltest.AssertAttempts(r, fmt.Errorf("wrapped: %w", call), 2)
	server := mailcalltest.Start(t)
	mailcalltest.AssertCalls(r, server, "Greeter.Hello", 0)
	if len(r.failures) != 0 {
		t.Errorf("got failures %q, want none", r.failures)
	}
	mailcalltest.AssertAttempts(r, call, 3)
	mailcalltest.AssertAttempts(r, errors.New("x"), 3)
	mailcalltest.AssertCalls(r, server, "Greeter.Hello", 1)
	want := []string{
		"got 2 attempts, want 3",
		"got error x, want a *rpcerr.CallError with 3 attempts",
		"got 0 calls of Greeter.Hello at greeter, want 1",
	}
	if got := strings.Join(r.failures, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got failures %q, want %q", r.failures, want)
	}
}
