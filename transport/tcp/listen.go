// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/internal/endpoint"
	"example.com/mailcall/transport/tcp/internal/frame"
	"example.com/mailcall/transport/tcp/internal/session"
)

const (
	// greetTimeout is how long a client may take for the TLS handshake and its preface.
	greetTimeout = 5 * time.Second
	// maxGreeting is how many clients may be doing that at a time; further ones are
	// closed.
	maxGreeting = 1024
	// acceptPause is the pause after an Accept that failed for lack of a resource, such
	// as file descriptors. It is the first pause of net/http.
	acceptPause = 5 * time.Millisecond
)

// Listen listens on address: "host:port", where port 0 picks a free one and no host
// means all interfaces, or a unix socket as in [Transport.Dial]. Clients of both
// protocols are served: connections with mailcall's own protocol implement
// [transport.Acceptor], [Drainer] and [transport.Peer], and their exchanges [Refuser];
// those with go-micro's protocol implement [transport.Peer]. With [WithTLS] the
// configuration must contain a certificate, otherwise Listen fails.
func (t *Transport) Listen(address string) (transport.Listener, error) {
	if err := endpoint.CheckServerTLS(t.config.tls); err != nil {
		return nil, fmt.Errorf("tcp transport: listen %s: %w", address, err)
	}
	ln, err := endpoint.Listen(address)
	if err != nil {
		return nil, fmt.Errorf("tcp transport: %w", err)
	}
	l := &listener{t: t, ln: ln, ready: make(chan transport.Conn), done: make(chan struct{}), greeting: map[net.Conn]struct{}{}}
	l.work.Add(1)
	go l.run()
	return l, nil
}

// listener runs the handshakes with clients in the background, so that a slow client
// does not delay others.
type listener struct {
	t     *Transport
	ln    net.Listener
	ready chan transport.Conn
	done  chan struct{}
	work  sync.WaitGroup

	mu       sync.Mutex // guards all below
	greeting map[net.Conn]struct{}
	closed   bool
	err      error
}

// Accept implements [transport.Listener].
func (l *listener) Accept() (transport.Conn, error) {
	select {
	case c := <-l.ready:
		return c, nil
	case <-l.done:
		l.mu.Lock()
		defer l.mu.Unlock()
		return nil, fmt.Errorf("tcp transport: %w", l.err)
	}
}

// Address implements [transport.Listener].
func (l *listener) Address() string { return endpoint.Text(l.ln.Addr()) }

// Close implements [transport.Listener].
func (l *listener) Close() error {
	l.stop(net.ErrClosed)
	err := l.ln.Close()
	l.work.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (l *listener) stop(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.closed, l.err = true, err
	close(l.done)
	for raw := range l.greeting {
		_ = raw.Close() // it has sent no request yet
	}
}

func (l *listener) run() {
	defer l.work.Done()
	for {
		raw, err := l.ln.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) || !l.pause() {
				l.stop(err)
				return
			}
			continue
		}
		l.mu.Lock()
		welcome := !l.closed && len(l.greeting) < maxGreeting
		if welcome {
			l.greeting[raw] = struct{}{}
			l.work.Add(1)
		}
		l.mu.Unlock()
		if !welcome {
			_ = raw.Close() // the client sees the end of the connection
			continue
		}
		go l.greet(raw)
	}
}

// pause waits after a failed Accept. It reports false if the listener is closed.
func (l *listener) pause() bool {
	ctx, cancel := context.WithTimeout(context.Background(), acceptPause) //nolint:forbidigo // it bounds a pause, nothing else
	defer cancel()
	select {
	case <-ctx.Done():
		return true
	case <-l.done:
		return false
	}
}

func (l *listener) greet(raw net.Conn) {
	defer l.work.Done()
	c, err := l.t.greetClient(raw)
	l.mu.Lock()
	delete(l.greeting, raw)
	l.mu.Unlock()
	if err != nil {
		_ = raw.Close() // a client of another kind
		return
	}
	select {
	case l.ready <- c:
	case <-l.done:
		_ = c.Close() // it will not be accepted
	}
}

func (t *Transport) greetClient(raw net.Conn) (transport.Conn, error) {
	w, err := t.welcome(raw)
	if err != nil {
		return nil, err
	}
	if w.gob {
		return t.gobConn(w.raw, w.prefix), nil
	}
	p := newPeer(w.raw, t, w.config, nil)
	go p.serve()
	return p, nil
}

// guest is a client after the handshakes.
type guest struct {
	raw    net.Conn
	gob    bool   // it uses go-micro's protocol
	prefix []byte // what was read from it, if so
	config session.Config
}

// welcome runs the TLS handshake, detects which protocol the client uses, and exchanges
// prefaces if that is our own.
func (t *Transport) welcome(raw net.Conn) (guest, error) {
	if err := raw.SetDeadline(time.Now().Add(greetTimeout)); err != nil {
		return guest{}, err
	}
	conn := raw
	if t.config.tls != nil {
		secure := tls.Server(&under{Conn: raw}, t.config.tls)
		if err := secure.Handshake(); err != nil { //nolint:noctx // the deadline bounds it
			return guest{}, err
		}
		conn = secure
	}
	head := make([]byte, frame.PrefaceSize)
	if _, err := io.ReadFull(conn, head[:1]); err != nil {
		return guest{}, err
	}
	if head[0] != frame.Magic[0] {
		return guest{raw: conn, gob: true, prefix: head[:1]}, conn.SetDeadline(time.Time{})
	}
	config, err := t.answerPreface(conn, head)
	if err != nil {
		return guest{}, err
	}
	return guest{raw: conn, config: config}, conn.SetDeadline(time.Time{})
}

// answerPreface reads the rest of the client's preface, after its first byte in head,
// and sends ours.
func (t *Transport) answerPreface(conn net.Conn, head []byte) (session.Config, error) {
	c := session.Config{Own: t.config.limits, Assembly: maxAssembly, Segments: &t.shelf.segments}
	if _, err := io.ReadFull(conn, head[1:]); err != nil {
		return c, err
	}
	hello, n, err := frame.ParsePreface(head)
	if err != nil {
		return c, err
	}
	settings := make([]byte, n)
	if _, err := io.ReadFull(conn, settings); err != nil {
		return c, err
	}
	c.Peer = frame.Assumed()
	err = c.Peer.Read(settings)
	ours := frame.Preface{Low: frame.Version, High: frame.Version, Limits: t.config.limits}
	if err == nil && (hello.Low > frame.Version || hello.High < frame.Version) {
		ours.Low = 0
		err = fmt.Errorf("the client speaks versions %d to %d", hello.Low, hello.High)
	}
	answer := ours.Append(nil)
	if err != nil && ours.Low != 0 {
		broken := session.BrokenError{Code: session.CodeProtocol, Text: err.Error()}
		answer = broken.AppendGoaway(answer, 0)
	}
	if _, writeErr := conn.Write(answer); err == nil {
		err = writeErr
	}
	return c, err
}
