// SPDX-License-Identifier: Apache-2.0

package grpc_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	stock "google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
	mailgrpc "example.com/mailcall/transport/grpc"
)

func TestTLS(t *testing.T) {
	ca := newAuthority(t)
	address, _ := startStock(t, nil, stock.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{ca.pair(t)}})))
	for _, tc := range []struct {
		name, address string
		config        *tls.Config
	}{
		{"roots", address, &tls.Config{RootCAs: ca.pool}},
		{"scheme", "https://" + address, &tls.Config{RootCAs: ca.pool}},
		{"name", address, &tls.Config{RootCAs: ca.pool, ServerName: "greeter.test"}},
		{"unverified", address, &tls.Config{InsecureSkipVerify: true}},
	} {
		c := dial(t, tc.address, mailgrpc.WithTLS(tc.config))
		if err := c.Exchange(bound(t), time.Time{}, request(t, "EmptyCall", nil), &transport.Message{}); err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	for _, tc := range []struct {
		name   string
		config *tls.Config
		as     any
	}{
		{"unknown roots", &tls.Config{RootCAs: x509.NewCertPool()}, new(x509.UnknownAuthorityError)},
		{"another name", &tls.Config{RootCAs: ca.pool, ServerName: "other.test"}, new(x509.HostnameError)},
	} {
		_, err := newTransport(t, mailgrpc.WithTLS(tc.config)).Dial(bound(t), address)
		wantIs(t, err, transport.ErrNotSent)
		if !errors.As(err, tc.as) || !strings.Contains(err.Error(), "tls handshake") {
			t.Errorf("%s: got %v, want a handshake that fails with %T", tc.name, err, tc.as)
		}
	}
	// Certificates are verified by default, with the system's roots, which do not
	// include the test's.
	_, err := newTransport(t).Dial(bound(t), "https://"+address)
	if !errors.As(err, new(*tls.CertificateVerificationError)) {
		t.Errorf("got %v, want a certificate that is not verified", err)
	}
	// Without TLS the server does not answer.
	_, err = newTransport(t).Dial(bound(t), address)
	wantIs(t, err, transport.ErrNotSent)
}

func TestMutualTLS(t *testing.T) {
	ca := newAuthority(t)
	config := &tls.Config{
		Certificates: []tls.Certificate{ca.pair(t)}, RootCAs: ca.pool, ClientCAs: ca.pool, ClientAuth: tls.RequireAndVerifyClientCert,
	}
	l := respond(t, "127.0.0.1:0", mirror, mailgrpc.WithTLS(config))
	c := dial(t, l.Address(), mailgrpc.WithTLS(config))
	m := request(t, "Any", nil)
	m.Body = []byte("x")
	if err := c.Exchange(bound(t), time.Time{}, m, &transport.Message{}); err != nil {
		t.Error(err)
	}
	// A client without a certificate gets the error when it dials, or at the first
	// message: with TLS 1.3 its handshake may finish before the server has checked.
	anonymous, err := newTransport(t, mailgrpc.WithTLS(&tls.Config{RootCAs: ca.pool})).Dial(bound(t), l.Address())
	if err == nil {
		err = anonymous.(transport.Parallel).Exchange(bound(t), time.Time{}, m, &transport.Message{})
		_ = anonymous.Close()
	}
	if err == nil {
		t.Error("got no error without a certificate, want one")
	}

	server, client := newMucp(t, mailgrpc.WithTLS(config)), newMucp(t, mailgrpc.WithTLS(config))
	ml, err := server.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ml.Close() }()
	mc, err := client.Dial(bound(t), ml.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = mc.Close() }()
	if err := mc.Send(m); err != nil {
		t.Error(err)
	}
	if _, err := newTransport(t, mailgrpc.WithTLS(&tls.Config{})).Listen("127.0.0.1:0"); err == nil {
		t.Error("got no error for a listener without a certificate, want one")
	}
}

func TestOptions(t *testing.T) {
	for _, opts := range [][]mailgrpc.Option{
		{mailgrpc.WithMaxMessage(0)}, {mailgrpc.WithMaxMessage(2 << 30)}, {mailgrpc.WithMaxStreams(0)}, {mailgrpc.WithDialer(nil)},
	} {
		if _, err := mailgrpc.New(opts...); err == nil {
			t.Error("got no error for an option out of range, want one")
		}
		if _, err := mailgrpc.NewMucp(opts...); err == nil {
			t.Error("got no error for an option out of range, want one")
		}
	}
	if _, err := mailgrpc.New(nil); err != nil {
		t.Errorf("no option: got %v, want none", err)
	}
	address, _ := startStock(t, nil)
	dialled := 0
	c := dial(t, "somewhere:1", mailgrpc.WithTLS(nil), mailgrpc.WithDialOptions(stock.WithUserAgent("me")),
		mailgrpc.WithDialer((&redirect{address: address, times: &dialled}).dial))
	if err := c.Exchange(bound(t), time.Time{}, request(t, "EmptyCall", nil), &transport.Message{}); err != nil || dialled != 1 {
		t.Errorf("got %v after %d dials, want none after 1", err, dialled)
	}
	if tr := newTransport(t); tr.String() != "grpc" || !tr.Multiplexed() || newMucp(t).String() != "mucp-grpc" {
		t.Errorf("got %s and %s, want grpc and mucp-grpc", tr, newMucp(t))
	}
}

// redirect is a dialer that always connects to one address.
type redirect struct {
	address string
	times   *int
}

func (r *redirect) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	*r.times++
	return new(net.Dialer).DialContext(ctx, network, r.address)
}

// Functions of a TLS configuration run on a goroutine of gRPC's library: a panic
// there fails the dial, and not the program.
func TestPanicsOfATLSConfiguration(t *testing.T) {
	ca := newAuthority(t)
	address, _ := startStock(t, nil, stock.Creds(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{ca.pair(t)}, ClientAuth: tls.RequestClientCert,
	})))
	for name, config := range map[string]*tls.Config{
		"VerifyConnection":      {VerifyConnection: func(tls.ConnectionState) error { panic("as ordered") }},
		"VerifyPeerCertificate": {VerifyPeerCertificate: func([][]byte, [][]*x509.Certificate) error { panic("as ordered") }},
		"GetClientCertificate":  {GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { panic("as ordered") }},
	} {
		config.RootCAs = ca.pool
		_, err := newTransport(t, mailgrpc.WithTLS(config)).Dial(bound(t), address)
		if !errors.Is(err, transport.ErrNotSent) || !errors.Is(err, rpcerr.ErrPanic) {
			t.Errorf("%s: got %v, want %v that was not sent", name, err, rpcerr.ErrPanic)
		}
	}
	for name, config := range map[string]*tls.Config{
		"GetCertificate":     {GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { panic("as ordered") }},
		"GetConfigForClient": {GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { panic("as ordered") }},
	} {
		l := respond(t, "127.0.0.1:0", mirror, mailgrpc.WithTLS(config))
		if _, err := newTransport(t, mailgrpc.WithTLS(&tls.Config{RootCAs: ca.pool})).Dial(bound(t), l.Address()); err == nil {
			t.Errorf("%s: got a connection, want none", name)
		}
	}
}
