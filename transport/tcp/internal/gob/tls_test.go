// SPDX-License-Identifier: Apache-2.0

package gob_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"runtime"
	"testing"
	"time"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/gob"
)

// securePair returns the two ends of a TLS connection over loopback.
func securePair(t *testing.T) (client, server *tls.Conn) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	a, b := pair(t)
	client = tls.Client(a, &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"})
	server = tls.Server(b, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	return client, server
}

func TestTLS(t *testing.T) {
	client, server := securePair(t)
	c, s := gob.New(client, gob.Options{}), gob.New(server, gob.Options{})
	done := make(chan error)
	go func() {
		var m transport.Message
		for {
			err := s.Recv(&m)
			if err == nil {
				err = s.Send(&m)
			}
			if err != nil {
				_ = s.Close()
				done <- err
				return
			}
		}
	}()
	var m transport.Message
	for _, n := range []int{0, 1, 16 << 10, 1 << 20} {
		c.Bind(t.Context(), time.Now().Add(time.Minute))
		sending := make(chan error, 1)
		go func() { sending <- c.Send(request(string(make([]byte, n)))) }()
		if err := errors.Join(c.Recv(&m), <-sending); err != nil || len(m.Body) != n {
			t.Fatalf("got %v and %d bytes, want %d", err, len(m.Body), n)
		}
		if !c.Ready(0) || !c.Ready(time.Second) {
			t.Error("got not ready, want ready: a session ticket is no reason")
		}
	}
	_ = c.Close()
	if err := <-done; err != io.EOF {
		t.Errorf("got %v at the server, want EOF", err)
	}
}

func TestTLSBounds(t *testing.T) {
	client, server := securePair(t)
	go func() { _ = server.Handshake() }()
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	c := gob.New(client, gob.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	c.Bind(ctx, time.Time{})
	result := make(chan error)
	go func() { result <- recv(c) }()
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want canceled", err)
	}
	_ = c.Close()
	if n, err := server.Read(make([]byte, 1)); err == nil {
		t.Errorf("got %d bytes after a connection that was given up, want an error", n)
	}
}

func TestReadySeesGoodbye(t *testing.T) {
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		t.Skip("needs Linux or macOS, where a socket can be checked without reading from it")
	}
	client, server := securePair(t)
	go func() { _ = server.Handshake() }()
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	c := gob.New(client, gob.Options{})
	// The session ticket precedes the close_notify until something is read.
	answer := gob.New(server, gob.Options{})
	if err := answer.Send(request("x")); err != nil {
		t.Fatal(err)
	}
	if err := recv(c); err != nil {
		t.Fatal(err)
	}
	_ = server.CloseWrite()
	for c.Ready(time.Second) { // until the packet has arrived over loopback
		runtime.Gosched()
	}
}
