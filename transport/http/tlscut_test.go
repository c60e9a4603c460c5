// SPDX-License-Identifier: Apache-2.0

package http_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/url"
	"testing"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http"
)

// TestTLSBodyThatIsCut ends a body without a length, with and without the close_notify
// that proves that it is complete.
func TestTLSBodyThatIsCut(t *testing.T) {
	a := newAuthority(t)
	config := &tls.Config{Certificates: []tls.Certificate{a.pair(t)}}
	client := http.WithTLS(&tls.Config{RootCAs: a.pool})
	for name, whole := range map[string]bool{"close_notify": true, "none": false} {
		address := accept(t, func(raw net.Conn) {
			c := tls.Server(raw, config)
			_, _ = c.Read(make([]byte, 4096))
			_, _ = io.WriteString(c, ok+"\r\nhello")
			if whole {
				_ = c.CloseWrite()
			}
			_ = raw.(*net.TCPConn).CloseWrite()
			_, _ = io.Copy(io.Discard, raw)
		})
		proxy := &url.URL{Scheme: "https", Host: accept(t, tunnels(make(chan string, 1), config))}
		through := http.WithProxy(func(string) (*url.URL, error) { return proxy, nil })
		for way, tr := range map[string]*http.Transport{
			"direct":         newTransport(t, client),
			"in a TLS proxy": newTransport(t, client, through),
		} {
			t.Run(name+", "+way, func(t *testing.T) {
				c := dial(t, tr, address)
				var m transport.Message
				err := exchange(c, &m)
				if whole && (err != nil || string(m.Body) != "hello") {
					t.Errorf("got %q and %v, want hello", m.Body, err)
				}
				if !whole && !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("got %q and %v, want io.ErrUnexpectedEOF", m.Body, err)
				}
				_ = c.Close()
			})
		}
	}
}
