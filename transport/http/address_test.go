// SPDX-License-Identifier: Apache-2.0

package http_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http"
)

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	proxied := http.WithProxy(func(string) (*url.URL, error) { return nil, errors.New("asked for a proxy") })
	for _, address := range []string{"unix:" + path, "unix://" + path} {
		t.Run(address, func(t *testing.T) {
			served, err := newTransport(t).Listen(address)
			if err != nil {
				t.Fatal(err)
			}
			defer served.Close()
			if got, want := served.Address(), "unix:"+path; got != want {
				t.Errorf("got address %q, want %q", got, want)
			}
			c := dial(t, newTransport(t, proxied), served.Address())
			server, err := served.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			if got, want := c.(transport.Peer).RemoteAddress(), "unix:"+path; got != want {
				t.Errorf("got remote address %q, want %q", got, want)
			}
			body := bytes.Repeat([]byte("x"), 64<<10)
			sent := make(chan error, 1)
			go func() { sent <- c.Send(&transport.Message{Body: body}) }()
			var m transport.Message
			if err := errors.Join(server.Recv(&m), <-sent); err != nil || !bytes.Equal(m.Body, body) {
				t.Fatalf("got %v and %d bytes, want %d", err, len(m.Body), len(body))
			}
			go func() { sent <- server.Send(&transport.Message{Body: []byte("pong")}) }()
			if err := errors.Join(c.Recv(&m), <-sent); err != nil || string(m.Body) != "pong" {
				t.Errorf("got %v and %q, want pong", err, m.Body)
			}
			if !c.Ready(0) || runtime.GOOS == "linux" && !c.Ready(1<<30) {
				t.Error("got not ready, want ready")
			}
		})
	}
}

// TestHostField checks the Host field for each form of address.
func TestHostField(t *testing.T) {
	tests := map[string]string{
		"127.0.0.1:8000":         "127.0.0.1:8000",
		"Example.com:80":         "Example.com:80",
		"http://example.com":     "example.com",
		"http://example.com:443": "example.com:443",
		"[::1]:80":               "[::1]:80",
		"[fe80::1%eth0]:80":      "[fe80::1]:80",
		"unix:/run/greeter":      "localhost",
	}
	for address, want := range tests {
		t.Run(address, func(t *testing.T) {
			near, far := net.Pipe()
			defer far.Close()
			tr := newTransport(t, http.WithDialer(func(context.Context, string, string) (net.Conn, error) { return near, nil }))
			c := dial(t, tr, address)
			go func() { _ = c.Send(request("x")) }()
			head := make([]byte, 256)
			n, err := far.Read(head)
			if got := string(head[:n]); err != nil || !strings.Contains(got, "\r\nHost: "+want+"\r\n") {
				t.Errorf("got %q and %v, want host %q", got, err, want)
			}
			_ = c.Close()
		})
	}
}

// TestAddressAsksForTLS checks that such an address means TLS verified with the
// system's root certificates, which do not include this authority.
func TestAddressAsksForTLS(t *testing.T) {
	a := newAuthority(t)
	server := newTransport(t, http.WithTLS(&tls.Config{Certificates: []tls.Certificate{a.pair(t)}}))
	address := respond(t, server, echo)
	redirect := http.WithDialer(func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	})
	for _, asks := range []string{"https://" + address, "https://127.0.0.1", "127.0.0.1:443"} {
		_, err := newTransport(t, redirect).Dial(t.Context(), asks)
		var unknown x509.UnknownAuthorityError
		if !errors.As(err, &unknown) || !errors.Is(err, transport.ErrNotSent) {
			t.Errorf("got %v for %s, want an unknown authority", err, asks)
		}
		c := dial(t, newTransport(t, redirect, http.WithTLS(&tls.Config{RootCAs: a.pool})), asks)
		if err := exchange(c, new(transport.Message)); err != nil {
			t.Errorf("got %v for %s with a configuration of our own, want none", err, asks)
		}
		_ = c.Close()
	}
	_, err := newTransport(t, http.WithTLS(&tls.Config{RootCAs: a.pool})).Dial(t.Context(), "http://"+address)
	if err == nil || !strings.Contains(err.Error(), "cleartext") {
		t.Errorf("got %v for http:// on a transport with TLS, want a refusal", err)
	}
}

func TestNameWithSeveralAddresses(t *testing.T) {
	address := respond(t, newTransport(t), echo)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, newTransport(t), "localhost:"+port)
	if err := exchange(c, new(transport.Message)); err != nil {
		t.Error(err)
	}
	_ = c.Close()
}
