// SPDX-License-Identifier: Apache-2.0

package tcp_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/gob"
	"errors"
	"io"
	"math/big"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp"
	"example.com/mailcall/transport/tcp/internal/frame"
)

// authority issues certificates for 127.0.0.1.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{pool: x509.NewCertPool()}
	a.cert, a.key, _ = a.sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	})
	a.pool.AddCert(a.cert)
	return a
}

func (a *authority) sign(t *testing.T, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key, der
}

func (a *authority) pair(t *testing.T) tls.Certificate {
	t.Helper()
	_, key, der := a.sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestTLS(t *testing.T) {
	a := newAuthority(t)
	pair := a.pair(t)
	server := newTransport(t, tcp.WithTLS(&tls.Config{
		Certificates: []tls.Certificate{pair}, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: a.pool,
	}))
	address := listen(t, server, func(x transport.Incoming) {
		if !x.Unary() {
			echoStream(x)
			return
		}
		var m transport.Message
		_ = x.Recv(&m)
		_ = x.End(&m)
	})
	t.Run("verified", func(t *testing.T) {
		c := dial(t, newTransport(t, tcp.WithTLS(&tls.Config{RootCAs: a.pool, Certificates: []tls.Certificate{pair}})), address)
		box := make(mailbox, 64)
		for _, size := range []int{10, 64 << 10, 4 << 20} {
			for range 64 {
				if _, err := c.Begin(request(make([]byte, size>>4)), box, 1); err != nil {
					t.Fatal(err)
				}
			}
			for range 64 {
				if d := box.next(t); d.err != nil || len(d.m.Body) != size>>4 {
					t.Fatalf("got %d bytes, %v", len(d.m.Body), d.err)
				}
			}
		}
		s := open(t, c)
		var m transport.Message
		for range 10 {
			if err := s.Send(&transport.Message{Body: make([]byte, 300<<10)}); err != nil {
				t.Fatal(err)
			}
			if err := s.Recv(&m); err != nil || len(m.Body) != 300<<10 {
				t.Fatalf("got %d bytes, %v", len(m.Body), err)
			}
		}
	})
	t.Run("unknown authority", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		_, err := newTransport(t, tcp.WithTLS(&tls.Config{})).Dial(ctx, address)
		if _, unknown := errors.AsType[x509.UnknownAuthorityError](err); !unknown || !errors.Is(err, transport.ErrNotSent) {
			t.Errorf("got %v, want an unknown authority and ErrNotSent", err)
		}
	})
	t.Run("https address", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		_, err := newTransport(t).Dial(ctx, "https://"+address)
		if _, unknown := errors.AsType[x509.UnknownAuthorityError](err); !unknown {
			t.Errorf("got %v, want an unknown authority", err)
		}
	})
	t.Run("mutual", func(t *testing.T) {
		strict := newTransport(t, tcp.WithTLS(&tls.Config{
			Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: a.pool,
		}))
		address := listen(t, strict, func(x transport.Incoming) { _ = x.End(request(nil)) })
		dial(t, newTransport(t, tcp.WithTLS(&tls.Config{RootCAs: a.pool, Certificates: []tls.Certificate{pair}})), address)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if _, err := newTransport(t, tcp.WithTLS(&tls.Config{RootCAs: a.pool})).Dial(ctx, address); err == nil {
			t.Error("got a connection without a certificate")
		}
	})
	if _, err := newTransport(t, tcp.WithTLS(&tls.Config{})).Listen("127.0.0.1:0"); err == nil {
		t.Error("got a listener without a certificate")
	}
}

// gobMessage is the message of a go-micro server.
type gobMessage struct {
	Header map[string]string
	Body   []byte
}

// gobServer answers like go-micro's tcp transport: it decodes gob, and closes the
// connection on anything else.
func gobServer(t *testing.T, dials *atomic.Int64) (address string) {
	t.Helper()
	return bareServer(t, func(c net.Conn) {
		dials.Add(1)
		dec, enc := gob.NewDecoder(c), gob.NewEncoder(c)
		for {
			var m gobMessage
			if dec.Decode(&m) != nil {
				return
			}
			m.Body = append([]byte("gob:"), m.Body...)
			if enc.Encode(m) != nil {
				return
			}
		}
	})
}

func TestGobFallback(t *testing.T) {
	var dials atomic.Int64
	address := gobServer(t, &dials)
	over := newTransport(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for n, want := range []int64{2, 3} { // the second time it is known
		c, err := over.Dial(ctx, address)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := c.(transport.Exclusive); !ok {
			t.Errorf("got a %T, want one that carries one exchange at a time", c)
		}
		if err := c.Send(request([]byte("hello"))); err != nil {
			t.Fatal(err)
		}
		var m transport.Message
		if err := c.Recv(&m); err != nil || string(m.Body) != "gob:hello" || m.Header.Get("Micro-ID") != "17" {
			t.Errorf("got %v %q, %v", m.Header, m.Body, err)
		}
		_ = c.Close()
		if got := dials.Load(); got != want {
			t.Errorf("dial %d: got %d connections, want %d", n, got, want)
		}
	}
	if _, err := newTransport(t, tcp.WithWire(tcp.Own)).Dial(ctx, address); !errors.Is(err, tcp.ErrNotOurs) || !errors.Is(err, transport.ErrNotSent) {
		t.Errorf("got %v, want ErrNotOurs and ErrNotSent", err)
	}
}

// parrot echoes what it receives.
func parrot(c transport.Conn) {
	var m transport.Message
	for {
		if c.Recv(&m) != nil || c.Send(&m) != nil {
			return
		}
	}
}

// A listener serves clients of both protocols.
func TestBothWires(t *testing.T) {
	ln, err := newTransport(t).Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				parrot(c)
			}()
		}
	}()
	for _, w := range []tcp.Wire{tcp.Auto, tcp.Own, tcp.Gob} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		c, err := newTransport(t, tcp.WithWire(w)).Dial(ctx, ln.Address())
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := c.Send(request([]byte("hello"))); err != nil {
				t.Fatal(err)
			}
			var m transport.Message
			if err := c.Recv(&m); err != nil || string(m.Body) != "hello" || m.Header.Get("Micro-Endpoint") != "Greeter.Echo" {
				t.Errorf("wire %d: got %v %q, %v", w, m.Header, m.Body, err)
			}
		}
		_ = c.Close()
		cancel()
	}
}

// If a server that is known to use our protocol closes a connection, it is not assumed to
// use another one.
func TestCrashIsNoGob(t *testing.T) {
	var crashed atomic.Bool
	address := bareServer(t, func(c net.Conn) {
		if crashed.Load() {
			return
		}
		r := &raw{Conn: c, t: t}
		if r.skipPreface() {
			_, _ = c.Write(frame.Preface{Low: 1, High: 1, Limits: rawLimits}.Append(nil))
			_, _, _ = r.read()
		}
	})
	over := newTransport(t)
	dial(t, over, address)
	crashed.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if c, err := over.Dial(ctx, address); err == nil || !errors.Is(err, transport.ErrNotSent) {
		t.Errorf("got %T, %v, want an error that matches ErrNotSent", c, err)
	}
}

func TestVersions(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for name, tc := range map[string]struct{ low, high uint8 }{"refused": {0, 9}, "not offered": {7, 9}} {
		address := bareServer(t, func(c net.Conn) {
			r := &raw{Conn: c, t: t}
			r.skipPreface()
			_, _ = c.Write(frame.Preface{Low: tc.low, High: tc.high, Limits: rawLimits}.Append(nil))
			_, _ = c.Read(make([]byte, 1))
		})
		if _, err := newTransport(t).Dial(ctx, address); err == nil || !strings.Contains(err.Error(), "version") {
			t.Errorf("%s: got %v, want an error about versions", name, err)
		}
	}
	address := listen(t, newTransport(t), func(transport.Incoming) {})
	for _, tc := range []struct{ low, high, want uint8 }{{1, 1, 1}, {1, 200, 1}, {2, 200, 0}} {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(patience))
		if _, err := c.Write(frame.Preface{Low: tc.low, High: tc.high, Limits: rawLimits}.Append(nil)); err != nil {
			t.Fatal(err)
		}
		head := make([]byte, frame.PrefaceSize)
		if _, err := io.ReadFull(c, head); err != nil {
			t.Fatal(err)
		}
		if p, _, err := frame.ParsePreface(head); err != nil || p.Low != tc.want || p.High != frame.Version {
			t.Errorf("versions %d to %d: got %d of %d, %v, want %d", tc.low, tc.high, p.Low, p.High, err, tc.want)
		}
		_ = c.Close()
	}
}

func TestDialEnds(t *testing.T) {
	block := make(chan struct{})
	defer close(block)
	address := bareServer(t, func(net.Conn) { <-block })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := newTransport(t).Dial(ctx, address); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, transport.ErrNotSent) {
		t.Errorf("got %v, want the end of the context and ErrNotSent", err)
	}
	for _, bad := range []string{"", "here", "unix:", ":1", "1.2.3.4:"} {
		if _, err := newTransport(t).Dial(t.Context(), bad); err == nil || !errors.Is(err, transport.ErrNotSent) {
			t.Errorf("%q: got %v, want an error that matches ErrNotSent", bad, err)
		}
	}
}

func TestUnix(t *testing.T) {
	over := newTransport(t)
	path := filepath.Join(t.TempDir(), "s")
	ln, err := over.Listen("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		parrot(c)
	}()
	for _, address := range []string{ln.Address()} {
		c := dial(t, over, address)
		if err := c.Send(request([]byte("near"))); err != nil {
			t.Fatal(err)
		}
		var m transport.Message
		if err := c.Recv(&m); err != nil || string(m.Body) != "near" {
			t.Errorf("got %q, %v", m.Body, err)
		}
	}
}

func TestOptions(t *testing.T) {
	for name, o := range map[string]tcp.Option{
		"wire": tcp.WithWire(9), "message": tcp.WithMaxMessage(0), "frame": tcp.WithMaxFrame(100), "exchanges": tcp.WithMaxExchanges(0),
		"window": tcp.WithWindow(1), "conn window": tcp.WithConnWindow(32 << 10), "queue": tcp.WithMaxQueue(1), "write": tcp.WithWriteTimeout(0),
		"ping": tcp.WithPing(-1), "retry": tcp.WithRetryAfter(-1), "dialer": tcp.WithDialer(nil),
	} {
		if _, err := tcp.New(o); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
	if _, err := tcp.New(nil); err != nil {
		t.Errorf("no option: got %v, want none", err)
	}
	if _, err := tcp.NewServer(tcp.ServerConfig{}); err == nil {
		t.Error("got a server without a handler")
	}
}

func TestShutdown(t *testing.T) {
	s, err := tcp.NewServer(tcp.ServerConfig{Handler: func(req *tcp.Request, reply *tcp.Reply) {
		if string(req.Body) == "panic" {
			panic("as ordered")
		}
		<-time.After(100 * time.Millisecond)
		echo(req, reply)
	}})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ln) }()
	c := dial(t, newTransport(t), ln.Addr().String())
	box := make(mailbox, 1)
	if _, err := c.Begin(request([]byte("panic")), box, 1); err != nil {
		t.Fatal(err)
	}
	var reset *tcp.ResetError
	if d := box.next(t); !errors.As(d.err, &reset) || reset.Code != tcp.Internal {
		t.Errorf("got %v from a panic, want Internal", d.err)
	}
	if _, err := c.Begin(request([]byte("slow")), box, 1); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	// The request may arrive after Shutdown, and is refused then.
	if d := box.next(t); string(d.m.Body) != "slow" && !errors.Is(d.err, transport.ErrNotSent) {
		t.Errorf("got %q, %v from a call that ran when the server left", d.m.Body, d.err)
	}
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v from Serve", err)
	}
}
