// SPDX-License-Identifier: Apache-2.0

package http_test

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http"
)

// TestRoundTripCutOffHalfWay cancels the round trip of a short request of which the
// server has read the beginning, and has no room for the rest: it may not be taken for
// one that was not sent.
func TestRoundTripCutOffHalfWay(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	socket, err := ln.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err = socket.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 1) // as little as the kernel allows
	}); err != nil {
		t.Fatal(err)
	}
	tr := newTransport(t, http.WithDialer(func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		if err == nil {
			err = c.(*net.TCPConn).SetWriteBuffer(1)
		}
		return c, err
	}))
	c := dial(t, tr, ln.Addr().String()).(transport.RoundTripper)
	server, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c.Bind(ctx, time.Time{})
	go func() {
		_, _ = io.ReadFull(server, make([]byte, 1))
		cancel()
	}()
	p := new(progress)
	err = c.RoundTrip(warm(60<<10), new(transport.Message), p)
	if !errors.Is(err, context.Canceled) || errors.Is(err, transport.ErrNotSent) {
		t.Errorf("got %v, want %v without a proof that nothing was sent", err, context.Canceled)
	}
	if p.sent != 0 {
		t.Error("got the whole request sent, want sockets without room for it")
	}
}
