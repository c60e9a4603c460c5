// SPDX-License-Identifier: Apache-2.0

package http

import (
	"crypto/tls"
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

// look peeks at the socket of a connection that is idle, so that bytes begin a
// TLS record. They may be a session ticket, which is no reason to give the
// connection up; an alert is one.
func (s *socket) look() fast.Sight {
	seen := s.link.fast.Peek()
	if seen != fast.Data || s.tls == nil {
		return seen
	}
	if goodbye(s.link.fast.Head()) {
		return fast.End
	}
	return fast.Nothing
}

// goodbye recognises the header of a TLS record that holds an alert: by its
// type before TLS 1.3, by its length since (2 bytes, the true type and the
// authentication tag; RFC 8446, sections 5.2 and 6).
func goodbye(record []byte) bool {
	const alert, application, sealedAlert = 21, 23, 2 + 1 + 16
	if len(record) < 5 {
		return false
	}
	return record[0] == alert ||
		record[0] == application && record[3] == 0 && record[4] == sealedAlert
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
