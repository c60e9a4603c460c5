// SPDX-License-Identifier: Apache-2.0

package grpc_test

import (
	"context"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
	mailgrpc "example.com/mailcall/transport/grpc"
)

func TestDialErrors(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = free.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	garbled := scripted(t, func(raw net.Conn) {
		_, _ = raw.Write([]byte("SSH-2.0-OpenSSH_9.9\r\n"))
		_, _ = io.Copy(io.Discard, raw)
	})
	tr := newTransport(t)

	_, err = tr.Dial(bound(t), free.Addr().String())
	wantIs(t, err, transport.ErrNotSent, syscall.ECONNREFUSED)

	ctx, cancel := context.WithTimeout(bound(t), 50*time.Millisecond)
	defer cancel()
	_, err = tr.Dial(ctx, silent.Addr().String())
	wantIs(t, err, transport.ErrNotSent, context.DeadlineExceeded)

	_, err = tr.Dial(bound(t), garbled)
	wantIs(t, err, transport.ErrNotSent)
	if err == nil || !strings.Contains(err.Error(), "preface") {
		t.Errorf("got %v from a server that does not speak HTTP/2, want one that says so", err)
	}
	brief := handmade(t, func(*peer) {})
	for err = nil; err == nil; { // the dial may return before the connection has ended
		var c transport.Conn
		if c, err = tr.Dial(bound(t), brief); err == nil {
			_ = c.Close()
		}
	}
	wantIs(t, err, transport.ErrNotSent)
	if !strings.Contains(err.Error(), "closed the connection at once") {
		t.Errorf("got %v from a server that says hello and goes, want one that says so", err)
	}
	for _, address := range []string{"", ":80", "host:", "unix:", "a b:1"} {
		_, err = tr.Dial(bound(t), address)
		wantIs(t, err, transport.ErrNotSent)
	}
}

func TestDialerThatIsNone(t *testing.T) {
	for name, tc := range map[string]struct {
		dial func() (net.Conn, error)
		text string
	}{
		"panic":   {func() (net.Conn, error) { panic("on purpose") }, rpcerr.ErrPanic.Error()},
		"nothing": {func() (net.Conn, error) { return nil, nil }, "WithDialer"}, //nolint:nilnil // on purpose
	} {
		tr := newTransport(t, mailgrpc.WithDialer(func(context.Context, string, string) (net.Conn, error) { return tc.dial() }))
		_, err := tr.Dial(bound(t), "127.0.0.1:1")
		wantIs(t, err, transport.ErrNotSent)
		if err == nil || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: got %v, want one with %q", name, err, tc.text)
		}
	}
}
