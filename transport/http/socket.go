// SPDX-License-Identifier: Apache-2.0

package http

import (
	"crypto/tls"
	"errors"
	"io"
	"time"

	"example.com/mailcall/transport/internal/fast"
)

// closeTimeout bounds the time for sending close_notify when a TLS connection is closed.
const closeTimeout = time.Second

// socket is a link with or without TLS on top of it. Both ends of a connection
// consist of one.
type socket struct {
	link *link
	tls  *tls.Conn // nil: cleartext
}

// reader returns the source of received bytes.
func (s *socket) reader() io.Reader {
	if s.tls != nil {
		return s.tls
	}
	return s.link
}

// write writes o.b and body. It reports whether a byte may have left this machine.
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

// quiet reports whether an idle connection has received nothing. It does not block,
// and asks the kernel only if ask is true. With TLS it has to read: the TLS
// connection may have buffered data that it read together with the last reply, and
// only it can distinguish a session ticket, after which the connection remains
// usable, from an unsolicited reply.
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
		s.link.discardUnsent()
		return s.link.raw.Close()
	}
	if s.tls == nil {
		return s.link.raw.Close()
	}
	s.link.limit(time.Now().Add(closeTimeout))
	return s.tls.Close()
}

// discardUnsent makes the close of the socket discard what the kernel has not sent yet: an
// abandoned exchange sends nothing after its caller has got the result, and the peer
// is told at once by a reset.
func (l *link) discardUnsent() {
	if tcp, ok := l.raw.(interface{ SetLinger(sec int) error }); ok {
		_ = tcp.SetLinger(0) // if it fails, the data is still sent, which does no harm
	}
}
