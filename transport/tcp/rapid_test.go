// SPDX-License-Identifier: Apache-2.0

package tcp_test

import (
	"sync/atomic"
	"testing"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp"
	"example.com/mailcall/transport/tcp/internal/frame"
	"example.com/mailcall/transport/tcp/internal/session"
)

// A client that cancels exchanges as soon as they have begun cannot make more handlers run
// than twice the exchanges that are served at a time.
func TestGivenUpExchangesAreBounded(t *testing.T) {
	const exchanges, attempts = 16, 2000
	for name, tc := range map[string]struct {
		flags frame.Flags
		start func(testing.TB, func()) string
	}{
		"served calls": {frame.FlagEnd, func(t testing.TB, hold func()) string {
			t.Helper()
			return serve(t, tcp.ServerConfig{Handler: func(*tcp.Request, *tcp.Reply) { hold() }}, tcp.WithMaxExchanges(exchanges))
		}},
		"served streams": {frame.FlagStream, func(t testing.TB, hold func()) string {
			t.Helper()
			return serve(t, tcp.ServerConfig{Handler: echo, Streams: func(transport.Incoming) { hold() }}, tcp.WithMaxExchanges(exchanges))
		}},
		"accepted one after the other": {frame.FlagEnd, func(t testing.TB, hold func()) string {
			t.Helper()
			return accept(t, newTransport(t, tcp.WithMaxExchanges(exchanges)), func(a transport.Acceptor) {
				for {
					x, err := a.Accept()
					if err != nil {
						return
					}
					hold()
					_ = x.End(nil)
				}
			})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var running atomic.Int64
			release := make(chan struct{})
			address := tc.start(t, func() {
				running.Add(1)
				<-release
			})
			r := rawClient(t, address, rawLimits)
			go func() {
				for n := range uint64(attempts) {
					id := (n + 1) << 32
					r.open(id, tc.flags, "")
					r.write(frame.Header{Type: frame.Reset, ID: id}, nil, uvarints(1, 0))
				}
				r.write(frame.Header{Type: frame.Ping}, nil, make([]byte, 8))
			}()
			refused := 0
			for pongs := 0; ; {
				h, payload, ok := r.read()
				if !ok {
					t.Fatal("the connection ended, want refusals")
				}
				if h.Type == frame.Pong {
					if pongs++; pongs == 2 {
						break
					}
					// The exchange that came with the first ping is refused after the pong.
					r.write(frame.Header{Type: frame.Ping}, nil, make([]byte, 8))
					continue
				}
				s := frame.From(payload)
				if code := session.Code(s.Uint()); h.Type != frame.Reset || code != session.CodeOverloaded {
					t.Fatalf("got %s with code %s, want RESET overloaded", h.Type, code)
				}
				refused++
			}
			if got := int(running.Load()); got > 2*exchanges || refused < attempts-2*exchanges-1 {
				t.Errorf("got %d handlers that run and %d refusals, want %d handlers at most", got, refused, 2*exchanges)
			}
			close(release)
			// Their places are free again.
			for id := uint64(attempts + 1); ; id++ {
				r.open(id<<32, frame.FlagEnd, "")
				h, _, ok := r.read()
				if !ok {
					t.Fatal("the connection ended, want an answer")
				}
				if h.Type != frame.Reset {
					break
				}
			}
		})
	}
}
