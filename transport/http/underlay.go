// SPDX-License-Identifier: Apache-2.0

package http

import (
	"errors"
	"io"
	"net"
	"time"
)

// note records the end of the stream below TLS. Package tls returns the same io.EOF
// for it, with or without a close_notify.
func (l *link) note(err error) {
	if errors.Is(err, io.EOF) {
		l.ended = true
	}
}

// underlay is a link as the net.Conn below a TLS connection. It counts the bytes that
// were sent: if a write fails, an unchanged count proves that nothing was sent.
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

// SetDeadline does nothing: bind sets the bounds.
func (u underlay) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing: bind sets the bounds.
func (u underlay) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing. A TLS connection calls it before close_notify, with
// 5 s; but socket.close has set a shorter bound.
func (u underlay) SetWriteDeadline(time.Time) error { return nil }
