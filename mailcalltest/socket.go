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

// socketOf returns the socket below a connection, nil if it has none to show.
// Nothing may write to it while the transport does.
func socketOf(c transport.Conn) net.Conn {
	if s, ok := c.(interface{ NetConn() net.Conn }); ok {
		return s.NetConn()
	}
	return nil
}

// push writes to a socket and reports whether it took everything. Whatever
// bound the transport has left on it is gone.
func push(socket net.Conn, data []byte) bool {
	if err := socket.SetWriteDeadline(time.Time{}); err != nil {
		return false
	}
	_, err := socket.Write(data)
	return err == nil
}

// reset closes a connection so that the client sees a reset, where the
// transport lets it.
func reset(c transport.Conn) {
	if s, ok := socketOf(c).(interface{ SetLinger(seconds int) error }); ok {
		_ = s.SetLinger(0) // without it the connection ends in order
	}
	_ = c.Close() // there is nobody to tell
}

// renderHTTP writes a message as HTTP/1.1, for faults that need the bytes. It
// has the fields that the answer sets, without the echo of the first request.
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
