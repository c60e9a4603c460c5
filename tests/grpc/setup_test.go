// SPDX-License-Identifier: Apache-2.0

package grpc_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"

	stock "google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/interop"
	testpb "google.golang.org/grpc/interop/grpc_testing"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/transport/grpc"
)

// patience bounds each case; none of them needs more than a second.
const patience = 20 * time.Second

// certificate makes a self-signed certificate for 127.0.0.1 and the pool that trusts
// it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:        true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}, pool
}

// serve starts the server of gRPC's interoperability tests.
func serve(t *testing.T, opts ...stock.ServerOption) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := stock.NewServer(opts...)
	testpb.RegisterTestServiceServer(server, interop.NewTestServer())
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-done; err != nil {
			t.Errorf("got %v from the server, want none", err)
		}
	})
	return l.Addr().String()
}

// greeter returns a client of mailcall's own responder.
func greeter(t *testing.T, opts ...mailcalltest.Option) *api.Caller {
	t.Helper()
	over, err := grpc.New()
	if err != nil {
		t.Fatal(err)
	}
	server := mailcalltest.NewGreeter("greeter", opts...)
	if err := server.Listen(over, "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	c, err := api.New(api.WithTransport(over), api.WithAddress(server.Address()), api.WithDefaultContentType("application/grpc+proto"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

// connect starts a server and returns a client of it.
func connect(t *testing.T, secure bool) api.Client {
	t.Helper()
	var (
		ours   []grpc.Option
		theirs []stock.ServerOption
	)
	if secure {
		pair, pool := certificate(t)
		theirs = append(theirs, stock.Creds(credentials.NewServerTLSFromCert(&pair)))
		ours = append(ours, grpc.WithTLS(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}))
	}
	address := serve(t, theirs...)
	over, err := grpc.New(ours...)
	if err != nil {
		t.Fatal(err)
	}
	c, err := api.New(api.WithTransport(over), api.WithAddress(address), api.WithRetries(0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if cut := c.Close(ctx); cut != 0 {
			t.Errorf("got %d calls and streams that Close had to cut, want 0", cut)
		}
	})
	return c
}
