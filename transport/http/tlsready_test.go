// SPDX-License-Identifier: Apache-2.0

package http_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http"
)

// together collects writes until they are flushed as one.
type together struct {
	net.Conn
	held *bytes.Buffer
}

func (c *together) Write(p []byte) (int, error) {
	if c.held != nil {
		return c.held.Write(p)
	}
	return c.Conn.Write(p)
}

func (c *together) letGo() {
	_, _ = c.Conn.Write(c.held.Bytes())
	c.held = nil
}

// TestTLSReadySeesUnaskedReplies sends unsolicited replies: right after the expected
// one, where the TLS connection has read them from the socket already, and later.
func TestTLSReadySeesUnaskedReplies(t *testing.T) {
	a := newAuthority(t)
	const reply = ok + "Content-Length: 0\r\n\r\n"
	for name, version := range map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13} {
		config := &tls.Config{Certificates: []tls.Certificate{a.pair(t)}, MaxVersion: version}
		t.Run(name+", behind the reply", func(t *testing.T) {
			address := accept(t, func(raw net.Conn) {
				below := &together{Conn: raw}
				c := tls.Server(below, config)
				_, _ = c.Read(make([]byte, 4096))
				below.held = new(bytes.Buffer)
				_, _ = io.WriteString(c, reply)
				_, _ = io.WriteString(c, reply)
				below.letGo()
				_, _ = io.Copy(io.Discard, c)
			})
			c := dial(t, newTransport(t, http.WithTLS(&tls.Config{RootCAs: a.pool})), address)
			if err := exchange(c, new(transport.Message)); err != nil {
				t.Fatal(err)
			}
			if c.Ready(0) {
				t.Error("got ready with a second reply there, want not ready")
			}
			_ = c.Close()
		})
		t.Run(name+", later", func(t *testing.T) {
			if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
				t.Skip("needs Linux or macOS, where a socket can be checked without reading from it")
			}
			received := make(chan struct{})
			address := accept(t, func(raw net.Conn) {
				c := tls.Server(raw, config)
				answerOnce(c)
				<-received
				_, _ = io.WriteString(c, reply)
				_, _ = io.Copy(io.Discard, c)
			})
			c := dial(t, newTransport(t, http.WithTLS(&tls.Config{RootCAs: a.pool})), address)
			if err := exchange(c, new(transport.Message)); err != nil {
				t.Fatal(err)
			}
			if !c.Ready(0) || !c.Ready(time.Second) {
				t.Error("got not ready before the second reply, want ready")
			}
			close(received)
			for c.Ready(time.Second) { // until the reply has arrived over loopback
				runtime.Gosched()
			}
			_ = c.Close()
		})
	}
}
