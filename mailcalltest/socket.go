// SPDX-License-Identifier: Apache-2.0

package mailcalltest

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"example.com/mailcall/transport"
)

// socketOf returns the socket of a connection, nil if it is not accessible. It must
// not be written to while the transport writes.
func socketOf(c transport.Conn) net.Conn {
	if s, ok := c.(interface{ NetConn() net.Conn }); ok {
		return s.NetConn()
	}
	return nil
}

// push writes to a socket and reports whether all was written. It removes any
// deadline that the transport has set.
func push(socket net.Conn, data []byte) bool {
	if err := socket.SetWriteDeadline(time.Time{}); err != nil {
		return false
	}
	_, err := socket.Write(data)
	return err == nil
}

// reset closes a connection so that the client gets a reset, if the socket is
// accessible.
func reset(c transport.Conn) {
	if s, ok := socketOf(c).(interface{ SetLinger(seconds int) error }); ok {
		_ = s.SetLinger(0) // otherwise the connection ends normally
	}
	_ = c.Close() // an error changes nothing
}

// renderHTTP returns a message as HTTP/1.1, for faults that work on bytes. It has
// the fields of the answer, without those of the connection's first request.
func renderHTTP(m *transport.Message) []byte {
	fields := m.Header.Clone()
	fields.Del("Content-Length")
	slices.SortStableFunc(fields, func(a, b transport.Field) int { return strings.Compare(a.Name, b.Name) })
	out := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n", len(m.Body))
	oneLine := strings.NewReplacer("\r", " ", "\n", " ")
	for _, f := range fields {
		out = fmt.Appendf(out, "%s: %s\r\n", f.Name, oneLine.Replace(f.Value))
	}
	out = append(out, "\r\n"...)
	return append(out, m.Body...)
}
