// SPDX-License-Identifier: Apache-2.0

package mailcalltest_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"example.com/mailcall/codec"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/transport"
)

// shared is a connection that carries many exchanges at once.
type shared interface {
	transport.Async
	transport.Streamer
}

func dialShared(t *testing.T, script ...mailcalltest.Fault) (*mailcalltest.Responder, shared) {
	t.Helper()
	over := overTCP(t)
	server := mailcalltest.StartOn(t, over, "127.0.0.1:0", mailcalltest.WithScript(script))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := over.Dial(ctx, server.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return server, conn.(shared)
}

func exchangeOver(t *testing.T, c transport.Conn, m *transport.Message) (transport.Message, error) {
	t.Helper()
	if err := c.Send(m); err != nil {
		return transport.Message{}, err
	}
	var got transport.Message
	err := c.Recv(&got)
	return got, err
}

func TestIncomingUnary(t *testing.T) {
	_, c := dialShared(t)
	got, err := exchangeOver(t, c, message(`{"name":"Ann"}`, "Content-Type", jsonType, "Micro-Endpoint", "Greeter.Echo",
		"Micro-ID", "3", "Timeout", "5000000000", "Trace", "abc"))
	if err != nil {
		t.Fatal(err)
	}
	var reply struct {
		Headers []string `json:"headers"`
	}
	if err := json.Unmarshal(got.Body, &reply); err != nil {
		t.Fatal(err)
	}
	want := "Content-Type=application/json Local=127.0.0.1 Micro-Endpoint=Greeter.Echo Micro-ID=3 Remote=127.0.0.1 Timeout=5000000000 Trace=abc"
	if got := strings.Join(reply.Headers, " "); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	for endpoint, want := range map[string]string{
		"Greeter.Fail":  `{"id":"greeter.fail","code":409,"detail":"no","status":"Conflict"}`,
		"Greeter.Plain": "plain failure",
		"Greeter.Nope":  "rpc: can't find method Nope",
	} {
		got, err := exchangeOver(t, c, message(`{"code":409,"detail":"no"}`, "Content-Type", jsonType, "Micro-Endpoint", endpoint, "Micro-ID", "4"))
		if err != nil {
			t.Fatal(err)
		}
		if text := got.Header.Get("Micro-Error"); text != want {
			t.Errorf("%s: got %s, want %s", endpoint, text, want)
		}
	}
}

// An answer that the protocol cannot carry makes the client's call fail at once.
func TestIncomingAnswerTooLarge(t *testing.T) {
	over := overTCP(t)
	server := mailcalltest.StartOn(t, over, "127.0.0.1:0", mailcalltest.WithHandlers(
		mailcalltest.Handle("Greeter.Huge", func(_ context.Context, _, rsp *codec.Frame) error {
			rsp.Data = make([]byte, 5<<20)
			return nil
		})))
	c, err := over.Dial(t.Context(), server.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	got, err := exchangeOver(t, c, message(`{}`, "Content-Type", jsonType, "Micro-Endpoint", "Greeter.Huge", "Micro-ID", "3", "Timeout", "5000000000"))
	if err != nil || !strings.Contains(got.Header.Get("Micro-Error"), "5242880 bytes") {
		t.Errorf("got %v, %v, want an error that names the size", got.Header, err)
	}
}

func openStream(t *testing.T, c transport.Streamer, endpoint string) transport.Stream {
	t.Helper()
	s, err := c.Open(t.Context(), time.Now().Add(10*time.Second), message("", "Content-Type", jsonType, "Micro-Endpoint", endpoint, "Micro-ID", "9", "Micro-Stream", "9"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestIncomingStreams(t *testing.T) {
	_, c := dialShared(t)
	var m transport.Message

	s := openStream(t, c, "Greeter.ServerStream")
	if err := s.Send(message(`{"name":"Ann","count":3}`)); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := s.Recv(&m); err != nil || !strings.Contains(string(m.Body), "Hello Ann") {
			t.Fatalf("got %q, %v", m.Body, err)
		}
	}
	if err := s.Recv(&m); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, %v, want io.EOF", m, err)
	}

	s = openStream(t, c, "Greeter.ClientStream")
	for range 2 {
		if err := s.Send(message(`{"count":5}`)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if err := s.Recv(&m); err != nil || !strings.Contains(string(m.Body), "got 2") || !strings.Contains(string(m.Body), "10") {
		t.Errorf("got %q, %v, want got 2 and the sum 10", m.Body, err)
	}
	if err := s.Recv(&m); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want io.EOF", err)
	}

	s = openStream(t, c, "Greeter.Bidi")
	if err := s.Send(message(`{"code":418,"detail":"teapot"}`)); err != nil {
		t.Fatal(err)
	}
	if err := s.Recv(&m); err != nil || !strings.Contains(m.Header.Get("Micro-Error"), "teapot") {
		t.Errorf("got %v, %v, want the error of the handler", m.Header, err)
	}
	if err := s.Recv(&m); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want io.EOF", err)
	}
}

func TestIncomingFaults(t *testing.T) {
	hello := message(`{"name":"Ann"}`, "Content-Type", jsonType, "Micro-Endpoint", "Greeter.Hello", "Micro-ID", "3")
	for name, tc := range map[string]struct {
		fault mailcalltest.Fault
		lost  bool // the connection ends as well
	}{
		"reset":    {mailcalltest.Reset(0), true},
		"truncate": {mailcalltest.Truncate(3), true},
		"close":    {mailcalltest.Close(), true},
		"garbage":  {mailcalltest.Garbage([]byte(strings.Repeat("x", 64))), true},
		"status":   {mailcalltest.HTTPStatus(502), true},
		"slow":     {mailcalltest.Slow(8, time.Millisecond), false},
		"delay":    {mailcalltest.Delay(10 * time.Millisecond), false},
		"pass":     {mailcalltest.Pass(), false},
	} {
		t.Run(name, func(t *testing.T) {
			server, c := dialShared(t, tc.fault)
			got, err := exchangeOver(t, c, hello)
			switch {
			case tc.lost && err == nil:
				t.Errorf("got %q, want a lost connection", got.Body)
			case !tc.lost && (err != nil || strings.TrimSpace(string(got.Body)) != helloAnn):
				t.Errorf("got %q, %v, want %q", got.Body, err, helloAnn)
			}
			if server.ScriptLeft() != 0 {
				t.Error("the fault was not met")
			}
		})
	}
}
