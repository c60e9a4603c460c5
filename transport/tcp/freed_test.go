// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"context"
	"io"
	"runtime"
	"testing"
	"time"
	"weak"

	"example.com/mailcall/transport"
)

// Free chunks are kept for later connections. They must not keep the connection that has
// used them, with all that it has queued.
func TestChunksDoNotKeepTheirConnection(t *testing.T) {
	tr, err := New()
	if err != nil {
		t.Fatal(err)
	}
	ln, err := tr.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	client, server := useOnce(ctx, t, tr, ln)
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for client.Value() != nil || server.Value() != nil {
		select {
		case <-look.C:
			runtime.GC()
		case <-ctx.Done():
			t.Fatalf("after the close the client's end is held: %t, the server's: %t", client.Value() != nil, server.Value() != nil)
		}
	}
	tr.shelf.mu.Lock()
	defer tr.shelf.mu.Unlock()
	if len(tr.shelf.small)+len(tr.shelf.large) == 0 {
		t.Error("got no free chunks, want those of the connection")
	}
}

// useOnce makes a connection, has a call answered on it, and closes it.
func useOnce(ctx context.Context, t *testing.T, tr *Transport, ln transport.Listener) (client weak.Pointer[conn], server weak.Pointer[peer]) {
	t.Helper()
	dialled, err := tr.Dial(ctx, ln.Address())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c, p := dialled.(*conn), accepted.(*peer)
	s, err := c.Open(ctx, time.Time{}, &transport.Message{})
	if err != nil {
		t.Fatal(err)
	}
	x, err := p.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if err := x.End(&transport.Message{Body: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	if err := s.Recv(&transport.Message{}); err != nil {
		t.Fatal(err)
	}
	for _, end := range []io.Closer{s, c, p} {
		_ = end.Close()
	}
	return weak.Make(c), weak.Make(p)
}
