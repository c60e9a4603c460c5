// SPDX-License-Identifier: Apache-2.0

package http_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http"
)

// TestRefusalBeforeTheBodyIsRead: the server answers when it has read the length, and
// closes the connection. Further writes are answered with a reset.
func TestRefusalBeforeTheBodyIsRead(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux, where a reset leaves what was received before")
	}
	const refusal = "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 13\r\n\r\n1 MiB at most"
	a := newAuthority(t)
	server := &tls.Config{Certificates: []tls.Certificate{a.pair(t)}}
	tests := map[string]struct {
		wrap   func(net.Conn) net.Conn
		client *tls.Config
	}{
		"cleartext": {func(c net.Conn) net.Conn { return c }, nil},
		"TLS":       {func(c net.Conn) net.Conn { return tls.Server(c, server) }, &tls.Config{RootCAs: a.pool}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			address := accept(t, func(raw net.Conn) {
				c := tt.wrap(raw)
				_, _ = c.Read(make([]byte, 1024))
				_, _ = io.WriteString(c, refusal)
			})
			tr := newTransport(t, http.WithMaxMessage(64<<20), http.WithTLS(tt.client))
			c := dial(t, tr, address)
			err := c.Send(request(strings.Repeat("x", 64<<20))) // more than the kernel takes
			status, is := errors.AsType[*http.StatusError](err)
			if !is || status.Code != 413 || status.Body != "1 MiB at most" || errors.Is(err, transport.ErrNotSent) {
				t.Errorf("got %v, want the refusal", err)
			}
			if c.Ready(0) {
				t.Error("got ready, want not ready after half a request")
			}
			_ = c.Close()
		})
	}
}

func TestStatusErrorIsOneLine(t *testing.T) {
	tests := map[string]http.StatusError{
		"503 Service Unavailable: <h1> 503 </h1>": {Status: "503 Service Unavailable", Body: "\r\n<h1>\r\n\t503\n</h1>\n"},
		"502 Bad Gateway: [31mno \uFFFD":          {Status: "502 Bad Gateway", Body: "\x1b[31mno \xff\x00"},
		"204 No Content":                          {Status: "204 No Content"},
		"302 Found to https://login.test/: moved": {Status: "302 Found", Location: "https://login.test/", Body: "moved\n"},
	}
	for want, e := range tests {
		if got := e.Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
