// SPDX-License-Identifier: Apache-2.0

package http

import (
	"crypto/tls"
	"errors"
	"io"
	"time"

	"example.com/mailcall/transport/internal/fast"
)

// farewell bounds the goodbye of a TLS connection that is closed.
const farewell = time.Second

// socket is a link and, on top of it, TLS where there is any. Both ends of a
// connection are made of it.
type socket struct {
	link *link
	tls  *tls.Conn // nil: cleartext
}

// reader is where received bytes come from.
func (s *socket) reader() io.Reader {
	if s.tls != nil {
		return s.tls
	}
	return s.link
}

// write writes head and, if it is too long to lie in it already, body. It
// reports whether a byte may have left this machine.
func (s *socket) write(o *outgoing, body []byte) (sent bool, err error) {
	if s.tls != nil {
		return s.writeTLS(o.b, body)
	}
	if len(body) == 0 {
		n, err := s.link.Write(o.b)
		return n > 0, err
	}
	o.vec = [2][]byte{o.b, body}
	o.bufs = o.vec[:]
	n, err := s.link.writev(&o.bufs)
	return n > 0, err
}

func (s *socket) writeTLS(head, body []byte) (sent bool, err error) {
	before := s.link.sent.Load()
	_, err = s.tls.Write(head)
	if err == nil && len(body) > 0 {
		_, err = s.tls.Write(body)
	}
	return s.link.sent.Load() != before, err
}

// quiet reports whether nothing has come on a connection that is idle. It does
// not wait; the kernel is asked only if ask says so. TLS has to read: it may
// hold messages that it took from the socket together with the last one, and
// only it can tell a session ticket, which is no reason to give the connection
// up, from a reply that nobody asked for.
func (s *socket) quiet(ask bool) bool {
	if s.tls == nil {
		return !ask || s.link.fast.Peek() == fast.Nothing
	}
	s.link.idle, s.link.ask = true, ask
	var b [1]byte
	_, err := s.tls.Read(b[:])
	s.link.idle = false
	return errors.Is(err, nothingError{})
}

func (s *socket) close() error {
	state := s.link.state.Or(stateClosed)
	if state&stateClosed != 0 {
		return nil
	}
	if state&(stateGivenUp|stateInterrupted) != 0 {
		s.link.forget()
		return s.link.raw.Close()
	}
	if s.tls == nil {
		return s.link.raw.Close()
	}
	s.link.limit(time.Now().Add(farewell))
	return s.tls.Close()
}

// forget makes the close of the socket drop what the kernel has not sent yet:
// nothing of an exchange that was given up goes out after its caller was
// answered, and the peer learns of it at once.
func (l *link) forget() {
	if tcp, ok := l.raw.(interface{ SetLinger(sec int) error }); ok {
		_ = tcp.SetLinger(0) // then it lingers, which is all there is to lose
	}
}
