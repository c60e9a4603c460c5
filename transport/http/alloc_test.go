// SPDX-License-Identifier: Apache-2.0

package http_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"runtime"
	"testing"
	"time"

	"example.com/mailcall/transport"
)

// canned answers every read with the same reply, and allocates nothing.
func canned(bodies ...int) func(net.Conn) {
	return func(c net.Conn) {
		var replies [][]byte
		for _, n := range bodies {
			head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\nAccept: application/json\r\nContent-Type: application/json\r\n"+
				"Micro-Endpoint: Greeter.Hello\r\nMicro-Id: 0\r\nMicro-Method: Greeter.Hello\r\nMicro-Service: greeter\r\nTimeout: 5000000000\r\nUser-Agent: Go-http-client/1.1\r\n\r\n", n)
			replies = append(replies, append([]byte(head), bytes.Repeat([]byte("x"), n)...))
		}
		buf := make([]byte, 64<<10)
		for i := 0; ; i++ {
			if _, err := c.Read(buf); err != nil {
				return
			}
			if _, err := c.Write(replies[i%len(replies)]); err != nil {
				return
			}
		}
	}
}

func warm(body int) *transport.Message {
	return &transport.Message{Header: call("application/json", "Greeter.Hello"), Body: bytes.Repeat([]byte("y"), body)}
}

func TestEchoAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("needs a build without the race detector, which allocates: make allocs")
	}
	canEnd := t.Context()
	tests := map[string]struct {
		ctx     context.Context
		request int
		replies []int
	}{
		"64 B":             {context.Background(), 64, []int{64}},
		"1 KiB":            {context.Background(), 1024, []int{1024}},
		"changing lengths": {context.Background(), 64, []int{64, 1024, 7, 0}},
		"16 KiB":           {context.Background(), 16 << 10, []int{16 << 10}},
		"ctx that can end": {canEnd, 64, []int{64}},
		"empty both ways":  {context.Background(), 0, []int{0}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := dial(t, newTransport(t), accept(t, canned(tt.replies...))).(transport.RoundTripper)
			m, reply, p := warm(tt.request), new(transport.Message), new(progress)
			got := testing.AllocsPerRun(1000, func() {
				c.Bind(tt.ctx, time.Now().Add(5*time.Second))
				if err := c.Send(m); err != nil {
					t.Fatal(err)
				}
				if err := c.Recv(reply); err != nil {
					t.Fatal(err)
				}
				if err := c.RoundTrip(m, reply, p); err != nil {
					t.Fatal(err)
				}
				if !c.Ready(0) {
					t.Fatal("got not ready, want ready")
				}
			})
			if got != 0 {
				t.Errorf("got %v allocations for two exchanges, want 0", got)
			}
			_ = c.Close()
		})
	}
}

// TestMemoryOfWaitingConnections holds many connections in the state of one
// that waits after an exchange and counts the heap that they keep.
func TestMemoryOfWaitingConnections(t *testing.T) {
	if raceEnabled {
		t.Skip("needs a build without the race detector, which allocates: make allocs")
	}
	const connections, most = 200, 8 << 10
	address := accept(t, answerThenWait)
	tr := newTransport(t)
	held := make([]transport.Exclusive, 0, connections)
	before := heap()
	for range connections {
		c := dial(t, tr, address)
		if err := exchange(c, new(transport.Message)); err != nil {
			t.Fatal(err)
		}
		held = append(held, c)
	}
	if each := (heap() - before) / connections; each > most {
		t.Errorf("got %d bytes of heap for a connection and its peer, want at most %d", each, most)
	} else {
		t.Logf("%d bytes of heap for a connection and its peer", each)
	}
	for _, c := range held {
		_ = c.Close()
	}
}

// answerThenWait keeps no buffer while it waits.
func answerThenWait(c net.Conn) {
	var one [1]byte
	answerOnce(c)
	_, _ = c.Read(one[:])
}

func heap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func BenchmarkExchange(b *testing.B) {
	canEnd := b.Context()
	for _, n := range []int{64, 1024} {
		for name, ctx := range map[string]context.Context{"deadline": context.Background(), "ctx": canEnd} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				c := dial(b, newTransport(b), accept(b, canned(n)))
				m, reply := warm(n), new(transport.Message)
				b.ReportAllocs()
				for b.Loop() {
					c.Bind(ctx, time.Now().Add(5*time.Second))
					if err := c.Send(m); err != nil {
						b.Fatal(err)
					}
					if err := c.Recv(reply); err != nil {
						b.Fatal(err)
					}
				}
				_ = c.Close()
			})
		}
	}
}
