// SPDX-License-Identifier: Apache-2.0

package tcp_test

import (
	"bytes"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"example.com/mailcall/transport/tcp"
	"example.com/mailcall/transport/tcp/internal/frame"
)

// atOnce is a listener whose connections return all expected bytes after the preface with
// one Read.
type atOnce struct {
	net.Listener

	expected int
}

func (l *atOnce) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return &greedy{Conn: c, expected: l.expected}, err
}

type greedy struct {
	net.Conn

	got, expected int
}

func (g *greedy) Read(p []byte) (int, error) {
	preface := len(frame.Preface{Low: 1, High: 1, Limits: rawLimits}.Append(nil))
	if g.got < preface {
		n, err := g.Conn.Read(p[:min(len(p), preface-g.got)])
		g.got += n
		return n, err
	}
	n, err := io.ReadAtLeast(g.Conn, p, min(g.expected, len(p)))
	g.expected = 1
	return n, err
}

// Large requests that came with one read are handled in parallel, small ones one after the
// other, although the server is inline.
func TestInlineCrowd(t *testing.T) {
	for name, test := range map[string]struct {
		body       int
		sideBySide bool
	}{
		"large": {20 << 10, true},
		"small": {1 << 10, false},
	} {
		t.Run(name, func(t *testing.T) {
			var running, most atomic.Int32
			both := make(chan struct{})
			server, err := tcp.NewServer(tcp.ServerConfig{Inline: true, Handler: func(req *tcp.Request, reply *tcp.Reply) {
				n := running.Add(1)
				defer running.Add(-1)
				if most.Store(max(n, most.Load())); n == 2 {
					close(both)
				}
				if test.sideBySide {
					select {
					case <-both:
					case <-time.After(patience):
					}
				}
				reply.Body = append(reply.Body, req.Body...)
			}})
			if err != nil {
				t.Fatal(err)
			}
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			body := bytes.Repeat([]byte("x"), test.body)
			head := append([]byte{0}, emptyBlock...)
			done := make(chan error, 1)
			go func() { done <- server.Serve(&atOnce{ln, 2 * (frame.HeaderSize + len(head) + len(body))}) }()
			t.Cleanup(func() { server.Close(); <-done })

			c := rawClient(t, ln.Addr().String(), rawLimits)
			for slot := range uint64(2) {
				c.write(frame.Header{Type: frame.Open, Flags: frame.FlagEnd, ID: 1<<32 | slot}, head, body)
			}
			answered := map[uint64]bool{}
			for len(answered) < 2 {
				h, payload, ok := c.read()
				if !ok {
					t.Fatal("the connection ended")
				}
				if h.Type == frame.Message {
					if !bytes.HasSuffix(payload, body) {
						t.Errorf("got an answer of %d bytes to %d", len(payload), len(body))
					}
					answered[h.ID] = true
				}
			}
			if got := most.Load() == 2; got != test.sideBySide {
				t.Errorf("got %d calls at a time", most.Load())
			}
		})
	}
}
