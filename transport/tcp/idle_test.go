// SPDX-License-Identifier: Apache-2.0

package tcp_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"example.com/mailcall/transport/tcp"
)

// An idle connection releases its read buffer, and continues to work.
func TestIdleConnectionsHoldLittle(t *testing.T) {
	const (
		conns = 300
		most  = 24 << 10 // of a connection, both ends, in bytes
	)
	quick := tcp.WithPing(100 * time.Millisecond)
	address := serve(t, tcp.ServerConfig{Handler: echo, Inline: true}, quick)
	tr := newTransport(t, quick)
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	all := make([]async, conns)
	call := func(c async, size int) {
		box := make(mailbox, 1)
		if _, err := c.Begin(request(make([]byte, size)), box, 1); err != nil {
			t.Fatal(err)
		}
		if d := box.next(t); d.err != nil || len(d.m.Body) != size {
			t.Fatalf("got %d bytes, %v, want %d", len(d.m.Body), d.err, size)
		}
	}
	for i := range all {
		all[i] = dial(t, tr, address)
		call(all[i], 1<<10)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	// Free chunks are shared by all connections.
	const kept = 2 * 64 * 64 << 10
	for {
		grown := heap() - before
		if grown < conns*most+kept {
			break
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			t.Fatalf("got %d bytes held by %d idle connections, want %d each at most", grown, conns, most)
		}
	}
	for _, c := range all {
		call(c, 10)
		call(c, 100<<10)
	}
}
