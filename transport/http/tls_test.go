// SPDX-License-Identifier: Apache-2.0

package http_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http"
)

func TestTLS(t *testing.T) {
	a := newAuthority(t)
	protocols := make(chan string, 1)
	server := newTransport(t, http.WithTLS(&tls.Config{
		Certificates: []tls.Certificate{a.pair(t)},
		VerifyConnection: func(s tls.ConnectionState) error {
			protocols <- s.NegotiatedProtocol
			return nil
		},
	}))
	address := respond(t, server, echo)
	c := dial(t, newTransport(t, http.WithTLS(&tls.Config{RootCAs: a.pool, NextProtos: []string{"h2"}})), address)
	ctx := t.Context()
	var m transport.Message
	for _, n := range []int{1, 0, 100, 64 << 10, 1 << 20} {
		body := bytes.Repeat([]byte("x"), n)
		c.Bind(ctx, time.Now().Add(time.Minute))
		if err := errors.Join(c.Send(&transport.Message{Body: body}), c.Recv(&m)); err != nil || !bytes.Equal(m.Body, body) {
			t.Fatalf("got %v and %d bytes, want %d", err, len(m.Body), n)
		}
		if !c.Ready(0) || !c.Ready(time.Second) {
			t.Error("got not ready, want ready: a session ticket is no reason")
		}
	}
	if got := <-protocols; got != "http/1.1" {
		t.Errorf("got protocol %q, want http/1.1", got)
	}
	_ = c.Close()
}

func TestTLSVerifies(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	address := respond(t, newTransport(t, http.WithTLS(&tls.Config{Certificates: []tls.Certificate{a.pair(t)}})), echo)
	tests := map[string]struct {
		config *tls.Config
		bad    bool
	}{
		"unknown authority": {&tls.Config{RootCAs: other.pool}, true},
		"system roots":      {&tls.Config{}, true},
		"other name":        {&tls.Config{RootCAs: a.pool, ServerName: "wrong.test"}, true},
		"given name":        {&tls.Config{RootCAs: a.pool, ServerName: "greeter.test"}, false},
		"turned off":        {&tls.Config{InsecureSkipVerify: true}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := newTransport(t, http.WithTLS(tt.config)).Dial(context.Background(), address)
			if (err != nil) != tt.bad || err != nil && !errors.Is(err, transport.ErrNotSent) {
				t.Fatalf("got %v, want an error: %v", err, tt.bad)
			}
			if err != nil {
				if _, ok := errors.AsType[*tls.CertificateVerificationError](err); !ok {
					t.Errorf("got %v, want a verification error", err)
				}
				return
			}
			if err := exchange(c, new(transport.Message)); err != nil {
				t.Error(err)
			}
			_ = c.Close()
		})
	}
}

func TestMutualTLS(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	address := respond(t, newTransport(t, http.WithTLS(&tls.Config{
		Certificates: []tls.Certificate{a.pair(t)}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: a.pool,
	})), echo)
	for name, pairs := range map[string][]tls.Certificate{"good": {a.pair(t)}, "none": nil, "foreign": {other.pair(t)}} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, newTransport(t, http.WithTLS(&tls.Config{RootCAs: a.pool, Certificates: pairs})), address)
			// With TLS 1.3 the server's refusal comes with the first read.
			err := exchange(c, new(transport.Message))
			if (err == nil) != (name == "good") {
				t.Errorf("got %v", err)
			}
			_ = c.Close()
		})
	}
}

func TestListenNeedsCertificate(t *testing.T) {
	if _, err := newTransport(t, http.WithTLS(&tls.Config{RootCAs: x509.NewCertPool()})).Listen("127.0.0.1:0"); err == nil {
		t.Error("got a listener, want an error that names the missing certificate")
	}
}

// TestTLSWaits checks that deadlines that fire early do not damage the TLS state, and
// that the valid ones are kept, also during the handshake.
func TestTLSWaits(t *testing.T) {
	a := newAuthority(t)
	release := make(chan struct{})
	address := respond(t, newTransport(t, http.WithTLS(&tls.Config{Certificates: []tls.Certificate{a.pair(t)}})), func(m *transport.Message) {
		if len(m.Body) == 1 {
			<-release
		}
	})
	c := dial(t, newTransport(t, http.WithTLS(&tls.Config{RootCAs: a.pool})), address)
	ctx := t.Context()
	for range 3 {
		c.Bind(ctx, time.Now().Add(time.Minute))
		time.AfterFunc(20*time.Millisecond, func() { release <- struct{}{} })
		if err := exchange(c, new(transport.Message)); err != nil {
			t.Fatal(err)
		}
	}
	c.Bind(context.Background(), time.Now().Add(20*time.Millisecond))
	if err := exchange(c, new(transport.Message)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want os.ErrDeadlineExceeded", err)
	}
	_ = c.Close()
	release <- struct{}{}
}

func TestTLSHandshakeIsBounded(t *testing.T) {
	address := accept(t, silent)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_, err := newTransport(t, http.WithTLS(&tls.Config{})).Dial(ctx, address)
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, transport.ErrNotSent) {
		t.Errorf("got %v, want context.DeadlineExceeded and ErrNotSent", err)
	}
	ctx, cancel = context.WithCancel(context.Background())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err = newTransport(t, http.WithTLS(&tls.Config{})).Dial(ctx, address); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// TestTLSReadySeesGoodbye: the server closes the connection with close_notify.
func TestTLSReadySeesGoodbye(t *testing.T) {
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		t.Skip("needs Linux or macOS, where a socket can be checked without reading from it")
	}
	a := newAuthority(t)
	for name, version := range map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13} {
		t.Run(name, func(t *testing.T) {
			config := &tls.Config{Certificates: []tls.Certificate{a.pair(t)}, MaxVersion: version}
			received := make(chan struct{})
			address := accept(t, func(raw net.Conn) {
				c := tls.Server(raw, config)
				answerOnce(c)
				<-received
				_ = c.CloseWrite()
				_, _ = io.Copy(io.Discard, c)
			})
			c := dial(t, newTransport(t, http.WithTLS(&tls.Config{RootCAs: a.pool})), address)
			if err := exchange(c, new(transport.Message)); err != nil {
				t.Fatal(err)
			}
			if !c.Ready(time.Second) {
				t.Error("got not ready before the close_notify, want ready")
			}
			close(received)
			for c.Ready(time.Second) { // until the alert has arrived over loopback
				runtime.Gosched()
			}
			_ = c.Close()
		})
	}
}
