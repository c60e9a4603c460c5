// SPDX-License-Identifier: Apache-2.0

package tcp_test

import (
	"errors"
	"testing"
	"time"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp"
	"example.com/mailcall/transport/tcp/internal/frame"
	"example.com/mailcall/transport/tcp/internal/session"
)

// A stream that ends while a message is sent only in part is reset. Any other end would be
// a protocol error, which ends the connection with all its exchanges.
func TestEndInTheMiddleOfAMessage(t *testing.T) {
	const stream = 1 << 32
	oops := &transport.Message{Header: transport.Header{{Name: "Micro-Error", Value: "too late"}}}
	for name, end := range map[string]func(transport.Incoming) error{
		"with a message":    func(x transport.Incoming) error { return x.End(oops) },
		"without a message": func(x transport.Incoming) error { return x.End(nil) },
	} {
		for kind, start := range map[string]func(testing.TB, func(transport.Incoming)) string{
			"accepted": func(t testing.TB, f func(transport.Incoming)) string {
				t.Helper()
				return listen(t, newTransport(t), f)
			},
			"served": func(t testing.TB, f func(transport.Incoming)) string {
				t.Helper()
				return serve(t, tcp.ServerConfig{Handler: echo, Streams: f})
			},
		} {
			t.Run(name+" "+kind, func(t *testing.T) {
				ended := make(chan error, 1)
				address := start(t, func(x transport.Incoming) {
					// The client grants credit for a part, and then the deadline of the stream passes.
					if err := x.Send(&transport.Message{Body: make([]byte, 1<<20)}); err == nil {
						t.Error("got a message of 1 MiB into a window of 64 KiB")
					}
					ended <- end(x)
				})
				r := rawClient(t, address, rawLimits)
				timeout := uvarints(uint64(50 * time.Millisecond))
				r.write(frame.Header{Type: frame.Open, Flags: frame.FlagStream, ID: stream}, append(timeout, emptyBlock...), nil)
				var last frame.Header
				var payload []byte
				for last.Type != frame.Reset {
					h, p, ok := r.read()
					if !ok {
						t.Fatal("the connection ended, want a RESET")
					}
					if last.Type != 0 && h.Type != frame.Data && h.Type != frame.Reset {
						t.Fatalf("got %s in the middle of a message, want RESET", h.Type)
					}
					last, payload = h, p
				}
				s := frame.From(payload)
				if code := session.Code(s.Uint()); code != session.CodeInternal {
					t.Errorf("got code %s, want %s", code, session.CodeInternal)
				}
				if err := <-ended; err == nil {
					t.Error("got no error from the end of a stream in the middle of a message")
				}
			})
		}
	}
}

// Only one Send at a time is allowed. Breaking that rule harms at most the stream itself.
func TestSecondSendInTheMiddleOfAMessage(t *testing.T) {
	limits := rawLimits
	limits.Window = frame.MinFrame
	begun := make(chan struct{})
	address := rawServer(t, limits, func(r *raw) {
		for {
			h, _, ok := r.read()
			switch {
			case !ok:
				return
			case h.Type == frame.Message && h.Has(frame.FlagMore):
				close(begun)
			case h.Type == frame.Message || h.Type == frame.End:
				t.Errorf("got %s in the middle of a message", h.Type)
			}
		}
	})
	s := open(t, dial(t, newTransport(t), address))
	first := make(chan error, 1)
	go func() { first <- s.Send(&transport.Message{Body: make([]byte, 1<<20)}) }()
	<-begun
	for what, err := range map[string]error{
		"Send":      s.Send(&transport.Message{Body: []byte("x")}),
		"CloseSend": s.CloseSend(),
	} {
		if !errors.Is(err, transport.ErrInvalid) {
			t.Errorf("got %v from %s, want ErrInvalid", err, what)
		}
	}
	_ = s.Close()
	if err := <-first; err == nil {
		t.Error("got no error from the Send that was cut off")
	}
}
