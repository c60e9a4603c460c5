// SPDX-License-Identifier: Apache-2.0

package http_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http"
)

// TestAnswerBeforeTheBodyIsRead: the server answers, reads no more, and does not close
// the connection either. The answer must be returned before the deadline.
func TestAnswerBeforeTheBodyIsRead(t *testing.T) {
	a := newAuthority(t)
	server := &tls.Config{Certificates: []tls.Certificate{a.pair(t)}}
	for name, wire := range map[string]struct {
		wrap   func(net.Conn) net.Conn
		client *tls.Config
	}{
		"cleartext": {func(c net.Conn) net.Conn { return c }, nil},
		"TLS":       {func(c net.Conn) net.Conn { return tls.Server(c, server) }, &tls.Config{RootCAs: a.pool}},
	} {
		for _, tt := range []struct {
			name, answer string
			check        func(t *testing.T, reply *transport.Message, err error, sent int)
		}{
			{"refusal", "HTTP/1.1 413 Content Too Large\r\nContent-Length: 13\r\n\r\n1 MiB at most", func(t *testing.T, _ *transport.Message, err error, sent int) {
				status, is := errors.AsType[*http.StatusError](err)
				if !is || status.Code != 413 || status.Body != "1 MiB at most" || sent != 1 {
					t.Errorf("got %v and %d calls of Sent, want the refusal and 1", err, sent)
				}
			}},
			{"answer", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nMicro-Error: no\r\nContent-Length: 3\r\n\r\nabc", func(t *testing.T, reply *transport.Message, err error, sent int) {
				if err != nil || string(reply.Body) != "abc" || reply.Header.Get("Micro-Error") != "no" || sent != 1 {
					t.Errorf("got %+v, %v and %d calls of Sent, want the answer and 1", reply, err, sent)
				}
			}},
			{"garbage", "SSH-2.0-OpenSSH_9.6\r\n", func(t *testing.T, _ *transport.Message, err error, sent int) {
				if !errors.Is(err, transport.ErrProtocol) || errors.Is(err, transport.ErrNotSent) || sent != 0 {
					t.Errorf("got %v and %d calls of Sent, want %v and none", err, sent, transport.ErrProtocol)
				}
			}},
		} {
			t.Run(tt.name+"/"+name, func(t *testing.T) {
				over := make(chan struct{})
				address := accept(t, func(raw net.Conn) {
					c := wire.wrap(raw)
					_, _ = c.Read(make([]byte, 1024))
					_, _ = io.WriteString(c, tt.answer)
					<-over
				})
				defer close(over)
				tr := newTransport(t, http.WithMaxMessage(64<<20), http.WithTLS(wire.client))
				c := dial(t, tr, address).(transport.RoundTripper)
				c.Bind(context.Background(), time.Now().Add(time.Minute))
				began := time.Now()
				reply, p := new(transport.Message), new(progress)
				err := c.RoundTrip(request(strings.Repeat("x", 32<<20)), reply, p) // more than the kernel takes
				tt.check(t, reply, err, p.sent)
				if took := time.Since(began); took > 30*time.Second {
					t.Errorf("got it after %s, want it when it came", took)
				}
				if c.Ready(0) {
					t.Error("got ready, want not ready after half a request")
				}
				_ = c.Close()
			})
		}
	}
}

// TestAnswerWhileTheBodyIsRead: a server that begins its answer early, and continues
// to read, gets the whole request.
func TestAnswerWhileTheBodyIsRead(t *testing.T) {
	const size, another = 16 << 20, 1 << 20
	for _, tt := range []struct{ name, early, late string }{
		{"head", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "ok"},
		{"half a head", "HTTP/1.1 200 OK\r\nContent-", "Length: 2\r\n\r\nok"},
		{"half a body", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no", "k"},
		{"informational", "HTTP/1.1 103 Early Hints\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := make(chan int, 1)
			address := accept(t, func(c net.Conn) {
				head := make([]byte, 1024)
				n, _ := c.Read(head)
				n -= bytes.Index(head[:n], []byte("\r\n\r\n")) + 4
				_, _ = io.WriteString(c, tt.early)
				<-time.After(200 * time.Millisecond) // the client reads by now
				rest, _ := io.CopyN(io.Discard, c, int64(size-n))
				_, _ = io.WriteString(c, tt.late)
				got <- n + int(rest)
				_, _ = io.CopyN(io.Discard, c, another)
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo")
				_, _ = c.Read(head)
			})
			c := dial(t, newTransport(t, http.WithMaxMessage(size)), address).(transport.RoundTripper)
			c.Bind(context.Background(), time.Now().Add(time.Minute))
			reply, p := new(transport.Message), new(progress)
			err := c.RoundTrip(request(strings.Repeat("x", size)), reply, p)
			if n := <-got; err != nil || string(reply.Body) != "ok" || n != size || p.sent != 1 {
				t.Errorf("got %q, %v, %d calls of Sent, and the server %d bytes, want ok, 1 and %d", reply.Body, err, p.sent, n, size)
			}
			if err := c.RoundTrip(request(strings.Repeat("x", another)), reply, p); err != nil || string(reply.Body) != "two" {
				t.Errorf("got %q and %v, want the connection to go on after an exchange that was complete", reply.Body, err)
			}
			_ = c.Close()
		})
	}
}
