// SPDX-License-Identifier: Apache-2.0

package http_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http"
)

// progress counts the calls of Sent.
type progress struct {
	sent int
	then func() // if not nil, called when the request is sent
}

func (p *progress) Sent() {
	p.sent++
	if p.then != nil {
		p.then()
	}
}

// TestRoundTripBodies makes exchanges of all sizes on one connection, also over sockets
// with a small send buffer, so that every path of writing is taken.
func TestRoundTripBodies(t *testing.T) {
	a := newAuthority(t)
	small := func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		if err == nil {
			err = c.(*net.TCPConn).SetWriteBuffer(4 << 10)
		}
		return c, err
	}
	for name, over := range map[string]*http.Transport{
		"plain":        newTransport(t),
		"small buffer": newTransport(t, http.WithDialer(small)),
		"no socket": newTransport(t, http.WithDialer(func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, address)
			return struct{ net.Conn }{c}, err
		})),
		"TLS": newTransport(t, http.WithTLS(&tls.Config{RootCAs: a.pool, Certificates: []tls.Certificate{a.pair(t)}})),
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, over, respond(t, over, echo)).(transport.RoundTripper)
			for _, n := range []int{1, 0, 1 << 10, 60 << 10, 100 << 10, 4 << 20, 5} {
				c.Bind(context.Background(), time.Now().Add(time.Minute))
				m, reply, p := warm(n), new(transport.Message), new(progress)
				if err := c.RoundTrip(m, reply, p); err != nil {
					t.Fatalf("%d bytes: %v", n, err)
				}
				if !bytes.Equal(reply.Body, m.Body) || p.sent != 1 {
					t.Errorf("%d bytes: got %d bytes and %d calls of Sent, want as many and 1", n, len(reply.Body), p.sent)
				}
			}
			_ = c.Close()
		})
	}
}

// TestRoundTripEnds ends the wait for an answer in every possible way, and a round
// trip before it has begun.
func TestRoundTripEnds(t *testing.T) {
	background := context.Background()
	address := accept(t, silent)
	for name, tt := range map[string]struct {
		end      func(c transport.Exclusive, cancel func())
		deadline time.Duration
		sent     int
		want     error
	}{
		"deadline":           {deadline: 20 * time.Millisecond, sent: 1, want: os.ErrDeadlineExceeded},
		"deadline passed":    {deadline: -time.Second, want: os.ErrDeadlineExceeded},
		"cancelled":          {end: func(_ transport.Exclusive, cancel func()) { cancel() }, sent: 1, want: context.Canceled},
		"interrupted":        {end: func(c transport.Exclusive, _ func()) { c.Interrupt() }, sent: 1, want: transport.ErrInterrupted},
		"interrupted before": {deadline: time.Minute, want: transport.ErrInterrupted},
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, newTransport(t), address).(transport.RoundTripper)
			ctx, cancel := context.WithCancel(background)
			defer cancel()
			var deadline time.Time
			if tt.deadline != 0 {
				ctx, deadline = background, time.Now().Add(tt.deadline)
			}
			c.Bind(ctx, deadline)
			if name == "interrupted before" {
				c.Interrupt()
			}
			p := new(progress)
			if tt.end != nil {
				p.then = func() { go tt.end(c, cancel) }
			}
			err := c.RoundTrip(request("x"), new(transport.Message), p)
			if !errors.Is(err, tt.want) || errors.Is(err, transport.ErrNotSent) != (tt.sent == 0) {
				t.Errorf("got %v, want %v, not sent %t", err, tt.want, tt.sent == 0)
			}
			if p.sent != tt.sent {
				t.Errorf("got %d calls of Sent, want %d", p.sent, tt.sent)
			}
			if c.Ready(0) {
				t.Error("got ready, want not ready after an error")
			}
			_ = c.Close()
		})
	}
}

// TestRoundTripAfterOtherDeadlines makes one round trip after another while earlier
// deadlines pass: none of them affects a later round trip.
func TestRoundTripAfterOtherDeadlines(t *testing.T) {
	hold := make(chan time.Duration, 1)
	address := accept(t, func(c net.Conn) {
		buf := make([]byte, 4096)
		for {
			if _, err := c.Read(buf); err != nil {
				return
			}
			<-time.After(<-hold)
			_, _ = c.Write([]byte(ok + "Content-Length: 0\r\n\r\n"))
		}
	})
	c := dial(t, newTransport(t), address).(transport.RoundTripper)
	for i, trip := range []struct{ bound, held time.Duration }{
		{bound: 30 * time.Millisecond}, {bound: time.Minute, held: 50 * time.Millisecond},
		{}, {bound: 30 * time.Millisecond}, {held: 50 * time.Millisecond},
	} {
		var deadline time.Time
		if trip.bound != 0 {
			deadline = time.Now().Add(trip.bound)
		}
		c.Bind(context.Background(), deadline)
		hold <- trip.held
		if err := c.RoundTrip(request("x"), new(transport.Message), new(progress)); err != nil {
			t.Fatalf("trip %d: %v", i, err)
		}
	}
	_ = c.Close()
}

// TestRoundTripLooksFirst has the peer misbehave while the connection is idle. Then
// nothing may be written, and what was received must not be taken for the reply.
func TestRoundTripLooksFirst(t *testing.T) {
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		t.Skip("needs Linux or macOS, where a socket can be checked without reading from it")
	}
	a := newAuthority(t)
	for name, tt := range map[string]struct {
		secure    bool
		misbehave func(net.Conn)
		text      string
	}{
		"peer closed":        {false, func(c net.Conn) { _ = c.(*net.TCPConn).CloseWrite() }, "has closed the connection before"},
		"peer reset":         {false, func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0); _ = c.Close() }, "has closed the connection before"},
		"unasked reply":      {false, func(c net.Conn) { _, _ = c.Write([]byte(ok + "Content-Length: 0\r\n\r\n")) }, `before the request: "HTTP/1.1 200`},
		"TLS, peer closed":   {true, func(c net.Conn) { _ = c.Close() }, "has closed the connection, or"},
		"TLS, unasked reply": {true, func(c net.Conn) { _, _ = c.Write([]byte(ok + "Content-Length: 0\r\n\r\n")) }, "has closed the connection, or"},
	} {
		t.Run(name, func(t *testing.T) {
			goOn := make(chan struct{})
			more := make(chan int64, 1)
			address := accept(t, func(c net.Conn) {
				if tt.secure {
					c = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{a.pair(t)}})
				}
				answerOnce(c)
				<-goOn
				tt.misbehave(c)
				n, _ := io.Copy(io.Discard, c)
				more <- n
			})
			var opts []http.Option
			if tt.secure {
				opts = append(opts, http.WithTLS(&tls.Config{RootCAs: a.pool}))
			}
			c := dial(t, newTransport(t, opts...), address).(transport.RoundTripper)
			if err := c.RoundTrip(request("x"), new(transport.Message), new(progress)); err != nil {
				t.Fatal(err)
			}
			close(goOn)
			for !http.Arrived(c) { // until the packet has arrived over loopback
				runtime.Gosched()
			}
			p := new(progress)
			err := c.RoundTrip(request("x"), new(transport.Message), p)
			if !errors.Is(err, transport.ErrStale) || !errors.Is(err, transport.ErrNotSent) || p.sent != 0 {
				t.Errorf("got %v and %d calls of Sent, want ErrStale, ErrNotSent and none", err, p.sent)
			}
			if err != nil && !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %q, want it to contain %q", err, tt.text)
			}
			if c.Ready(0) {
				t.Error("got ready, want not ready")
			}
			_ = c.Close()
			if n := <-more; n != 0 {
				t.Errorf("the peer got %d bytes more, want none", n)
			}
		})
	}
}

// TestRoundTripBrokenInTheMiddle loses the connection after the request was written:
// the peer may have received it.
func TestRoundTripBrokenInTheMiddle(t *testing.T) {
	address := accept(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 4096)) })
	c := dial(t, newTransport(t), address).(transport.RoundTripper)
	p := new(progress)
	err := c.RoundTrip(request("x"), new(transport.Message), p)
	if err == nil || errors.Is(err, transport.ErrNotSent) || errors.Is(err, transport.ErrStale) || p.sent != 1 {
		t.Errorf("got %v and %d calls of Sent, want an error that proves nothing, and 1", err, p.sent)
	}
	_ = c.Close()
}

// leaky is a context that counts the functions that wait for its end.
type leaky struct {
	context.Context
	done    chan struct{} // its own, so that context.AfterFunc asks it
	added   chan struct{} // gets one for each
	waiting atomic.Int64
}

func (l *leaky) Done() <-chan struct{} { return l.done }

func (l *leaky) AfterFunc(func()) (stop func() bool) {
	l.waiting.Add(1)
	l.added <- struct{}{}
	return func() bool {
		l.waiting.Add(-1)
		return true
	}
}

// TestLongWaitLeavesNothingInItsContext: a context that outlives many calls is not
// filled with what they have left there.
func TestLongWaitLeavesNothingInItsContext(t *testing.T) {
	ctx := &leaky{Context: context.Background(), done: make(chan struct{}), added: make(chan struct{}, 1)}
	over := newTransport(t)
	address := respond(t, over, func(*transport.Message) { <-ctx.added })
	c := dial(t, over, address).(transport.RoundTripper)
	for range 2 {
		c.Bind(ctx, time.Time{})
		if err := c.RoundTrip(request("x"), new(transport.Message), new(progress)); err != nil {
			t.Fatal(err)
		}
		if n := ctx.waiting.Load(); n != 0 {
			t.Errorf("got %d functions that wait for the end of the context, want none", n)
		}
	}
}
