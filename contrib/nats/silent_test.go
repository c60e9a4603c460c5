// SPDX-License-Identifier: Apache-2.0

package nats_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"example.com/mailcall/contrib/nats"
)

// Close does not block on a server that accepts the connection and sends nothing.
func TestCloseWhileTheServerIsSilent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r, err := nats.NewRegistry(nats.WithURL("nats://"+l.Addr().String()), nats.WithTimeout(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	asked := make(chan error, 1)
	go func() {
		_, err := r.Lookup(ctx, "greeter")
		asked <- err
	}()
	conn, err := l.Accept() // the client has connected, and waits for the server's greeting
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	cancel()
	if err := <-asked; !errors.Is(err, context.Canceled) {
		t.Errorf("Lookup: got %v, want context.Canceled", err)
	}
	closed := make(chan error, 1)
	go func() { closed <- r.Close() }()
	select {
	case err := <-closed:
		if err != nil {
			t.Errorf("Close: got %v, want nil", err)
		}
	case <-time.After(patience):
		t.Fatal("Close waits for the server")
	}
}

// A URL may have no scheme, and is reported without its password.
func TestErrorsNameTheServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ url, want string }{
		{address, "server: " + address},
		{"nats://" + address, "server: nats://" + address},
		{"nats://ada:secret@" + address, "server: nats://ada:xxxxx@" + address},
		{"ada:secret@" + address, "server: ada:xxxxx@" + address},
	} {
		_, err := newRegistry(t, tc.url).Lookup(t.Context(), "greeter")
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v, want %s in it", tc.url, err, tc.want)
		}
	}
}
