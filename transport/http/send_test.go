// SPDX-License-Identifier: Apache-2.0

package http_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http"
)

func TestNothingIsSent(t *testing.T) {
	tests := map[string]struct {
		message transport.Message
		want    error
	}{
		"name with a blank":     {transport.Message{Header: transport.Header{{Name: "a b", Value: "c"}}}, transport.ErrNotSent},
		"name with a line end":  {transport.Message{Header: transport.Header{{Name: "a\r\nb", Value: "c"}}}, transport.ErrNotSent},
		"empty name":            {transport.Message{Header: transport.Header{{Name: "", Value: "c"}}}, transport.ErrNotSent},
		"body over the limit":   {transport.Message{Body: make([]byte, 2000)}, transport.ErrTooLarge},
		"header over the limit": {transport.Message{Header: transport.Header{{Name: "a", Value: strings.Repeat("x", 2000)}}}, transport.ErrTooLarge},
	}
	tr := newTransport(t, http.WithMaxMessage(1000), http.WithMaxHeader(1000))
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := dial(t, tr, accept(t, func(c net.Conn) {
				if n, _ := c.Read(make([]byte, 1)); n > 0 {
					t.Error("got a byte, want none on the wire")
				}
			}))
			err := c.Send(&tt.message)
			if !errors.Is(err, transport.ErrNotSent) || !errors.Is(err, tt.want) {
				t.Errorf("got %v, want ErrNotSent and %v", err, tt.want)
			}
			_ = c.Close()
		})
	}
}

func TestLongBodies(t *testing.T) {
	c := dial(t, newTransport(t), respond(t, newTransport(t), echo))
	var m transport.Message
	for _, n := range []int{1, 60 << 10, 64 << 10, 65 << 10, 1 << 20, http.DefaultMaxMessage, 3, 300 << 10, 0, 5} {
		body := bytes.Repeat([]byte("0123456789abcdef"), n/16+1)[:n]
		if err := c.Send(&transport.Message{Body: body}); err != nil {
			t.Fatal(err)
		}
		if err := c.Recv(&m); err != nil || !bytes.Equal(m.Body, body) {
			t.Fatalf("got %v and %d bytes, want %d", err, len(m.Body), n)
		}
	}
	_ = c.Close()
}

func TestCallsAfterClose(t *testing.T) {
	c := dial(t, newTransport(t), respond(t, newTransport(t), echo))
	for range 2 {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Send(request("x")); !errors.Is(err, net.ErrClosed) || !errors.Is(err, transport.ErrNotSent) {
		t.Errorf("got %v, want net.ErrClosed and ErrNotSent", err)
	}
	if err := c.Recv(new(transport.Message)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want net.ErrClosed", err)
	}
	if c.Ready(0) {
		t.Error("got ready, want not ready")
	}
}

func TestCloseEndsRecv(t *testing.T) {
	reached := make(chan struct{})
	c := dial(t, newTransport(t), accept(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 4096))
		close(reached)
		_, _ = c.Read(make([]byte, 1))
	}))
	if err := c.Send(request("x")); err != nil {
		t.Fatal(err)
	}
	go func() {
		<-reached
		_ = c.Close()
	}()
	if err := c.Recv(new(transport.Message)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want net.ErrClosed", err)
	}
}

func TestDialErrors(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := ln.Addr().String()
	_ = ln.Close()
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	tests := map[string]struct {
		ctx     context.Context
		address string
		want    error
	}{
		"refused":        {context.Background(), nobody, syscall.ECONNREFUSED},
		"canceled":       {canceled, nobody, context.Canceled},
		"no port":        {context.Background(), "localhost", transport.ErrNotSent},
		"empty":          {context.Background(), "", transport.ErrNotSent},
		"header smuggle": {context.Background(), "a\r\nb: c:80", transport.ErrNotSent},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := newTransport(t).Dial(tt.ctx, tt.address)
			if !errors.Is(err, tt.want) || !errors.Is(err, transport.ErrNotSent) {
				t.Errorf("got %v, want %v and ErrNotSent", err, tt.want)
			}
		})
	}
}

func TestPeerAddresses(t *testing.T) {
	address := respond(t, newTransport(t), echo)
	c := dial(t, newTransport(t), address)
	p := c.(transport.Peer)
	if p.RemoteAddress() != address || p.LocalAddress() == "" {
		t.Errorf("got %q and %q, want %q and something", p.RemoteAddress(), p.LocalAddress(), address)
	}
	_ = c.Close()
}

func TestOptionsAreChecked(t *testing.T) {
	_, err := http.New(http.WithMaxMessage(0), http.WithMaxHeader(1), http.WithDialer(nil))
	for _, want := range []string{"max message of 0", "max header of 1", "nil dialer"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to say %q", err, want)
		}
	}
	if _, err := http.New(nil); err != nil {
		t.Errorf("no option: got %v, want none", err)
	}
}
