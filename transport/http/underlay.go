// SPDX-License-Identifier: Apache-2.0

package http

import (
	"errors"
	"io"
	"net"
	"time"
)

// note remembers an end of the bytes below TLS. Of that alone TLS makes an end
// like the one that the peer has signed.
func (l *link) note(err error) {
	if errors.Is(err, io.EOF) {
		l.ended = true
	}
}

// underlay is a link in the form that TLS wants to lie upon. It counts what
// was sent, which is the proof that nothing was when a first write fails.
type underlay struct{ *link }

var _ net.Conn = underlay{}

func (u underlay) Read(p []byte) (int, error) {
	n, err := u.link.Read(p)
	u.note(err)
	return n, err
}

func (u underlay) Write(p []byte) (int, error) {
	n, err := u.link.Write(p)
	u.sent.Add(uint64(n))
	return n, err
}

func (u underlay) Close() error { return u.raw.Close() }

func (u underlay) LocalAddr() net.Addr { return u.raw.LocalAddr() }

func (u underlay) RemoteAddr() net.Addr { return u.raw.RemoteAddr() }

// SetDeadline is not used: bounds come from bind.
func (u underlay) SetDeadline(time.Time) error { return nil }

// SetReadDeadline is not used: bounds come from bind.
func (u underlay) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline is called by a TLS connection that says goodbye (with 5 s
// to do so); socket.close has bound the goodbye already.
func (u underlay) SetWriteDeadline(time.Time) error { return nil }
