// SPDX-License-Identifier: Apache-2.0

package tcp_test

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp"
	"example.com/mailcall/transport/tcp/internal/frame"
)

// brusque closes the connections of its first clients without an answer, as a load
// balancer without backends does, or a server that is shutting down.
type brusque struct {
	net.Listener
	left atomic.Int64
}

func (b *brusque) Accept() (net.Conn, error) {
	for {
		c, err := b.Listener.Accept()
		if err != nil || b.left.Add(-1) < 0 {
			return c, err
		}
		_ = c.Close()
	}
}

// A server that closes the connection for both protocols is not assumed to use gob from
// then on.
func TestHangingUpIsNoGob(t *testing.T) {
	server, err := tcp.NewServer(tcp.ServerConfig{Handler: echo, Inline: true})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	front := &brusque{Listener: ln}
	front.left.Store(2) // one for each protocol
	over := make(chan error, 1)
	go func() { over <- server.Serve(front) }()
	t.Cleanup(func() {
		server.Close()
		<-over
	})
	tr := newTransport(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if c, err := tr.Dial(ctx, ln.Addr().String()); err == nil {
		var m transport.Message
		if err := errors.Join(c.Send(request(nil)), c.Recv(&m)); err == nil {
			t.Error("got an answer from one who hangs up")
		}
		_ = c.Close()
	}
	c := dial(t, tr, ln.Addr().String())
	box := make(mailbox, 1)
	if _, err := c.Begin(request([]byte("hello")), box, 1); err != nil {
		t.Fatal(err)
	}
	if d := box.next(t); string(d.m.Body) != "hello" {
		t.Errorf("got %q, %v, want hello", d.m.Body, d.err)
	}
}

// The error of a dial shows what a server of another kind has sent, and which protocol it
// resembles.
func TestForeignServersAreNamed(t *testing.T) {
	none := rawLimits
	none.Exchanges = 0
	for name, tc := range map[string]struct {
		says string
		want string
		ours bool
	}{
		"tls":            {"\x15\x03\x01\x00\x02\x02\x46", "it wants TLS", false},
		"http":           {"HTTP/1.1 400 Bad Request\r\n\r\n", "that is HTTP:", false},
		"grpc":           {"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x05\x00\x00\x40\x00", "that is HTTP/2", false},
		"half a preface": {frame.Magic[:3], "it said 80 4d 41 and closed", false},
		"half a word":    {"+OK", "it said 2b 4f 4b and closed", false},
		"takes no more":  {string(frame.Preface{Low: 1, High: 1, Limits: none}.Append(nil)), "accepts no exchanges at all", true},
		"half a setting": {string(frame.Preface{Low: 1, High: 1, Limits: none}.Append(nil)[:12]), "preface breaks off", true},
	} {
		t.Run(name, func(t *testing.T) {
			address := bareServer(t, func(c net.Conn) {
				_, _ = io.ReadFull(c, make([]byte, len(frame.Preface{Limits: rawLimits}.Append(nil))))
				_, _ = io.WriteString(c, tc.says)
				if half, is := c.(interface{ CloseWrite() error }); is {
					_ = half.CloseWrite() // unread bytes would cause a reset
				}
				_, _ = io.Copy(io.Discard, c)
			})
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			_, err := newTransport(t).Dial(ctx, address)
			if !errors.Is(err, transport.ErrNotSent) || errors.Is(err, tcp.ErrNotOurs) == tc.ours || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q and that nothing was sent", err, tc.want)
			}
		})
	}
}

// If a server accepts no exchange on a new connection, no other one is tried at once:
// that would never end.
func TestServerThatTakesNothing(t *testing.T) {
	for name, refuse := range map[string]func(*raw){
		"settings": func(r *raw) { r.write(frame.Header{Type: frame.Settings}, nil, uvarints(3, 0)) },
		"goaway":   func(r *raw) { r.write(frame.Header{Type: frame.Goaway}, nil, uvarints(0, 0)) },
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, newTransport(t), rawServer(t, rawLimits, func(r *raw) {
				refuse(r)
				_, _, _ = r.read() // until the client closes
			}))
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			for c.Ready(0) && ctx.Err() == nil { // until the frame has arrived
				runtime.Gosched()
			}
			_, err := c.Begin(request(nil), make(mailbox, 1), 1)
			if errors.Is(err, transport.ErrFull) || !errors.Is(err, transport.ErrNotSent) {
				t.Errorf("got %v, want one that is not ErrFull, and ErrNotSent", err)
			}
		})
	}
}
