// SPDX-License-Identifier: Apache-2.0

package gob_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/gob"
)

// stuck calls Send until it blocks, because the peer reads nothing.
func stuck(c *gob.Conn) error {
	m := request(string(make([]byte, 1<<20)))
	for {
		if err := c.Send(m); err != nil {
			return err
		}
	}
}

func recv(c *gob.Conn) error { return c.Recv(new(transport.Message)) }

func TestBounds(t *testing.T) {
	soon := func() time.Time { return time.Now().Add(10 * time.Millisecond) }
	tests := map[string]struct {
		end  func(c *gob.Conn, cancel func()) // what ends the wait
		bind func() time.Time
		want error
	}{
		"deadline":  {func(*gob.Conn, func()) {}, soon, os.ErrDeadlineExceeded},
		"past":      {func(*gob.Conn, func()) {}, func() time.Time { return time.Unix(1, 0) }, os.ErrDeadlineExceeded},
		"cancel":    {func(_ *gob.Conn, cancel func()) { cancel() }, func() time.Time { return time.Time{} }, context.Canceled},
		"both":      {func(_ *gob.Conn, cancel func()) { cancel() }, func() time.Time { return time.Now().Add(time.Hour) }, context.Canceled},
		"interrupt": {func(c *gob.Conn, _ func()) { c.Interrupt() }, func() time.Time { return time.Time{} }, transport.ErrInterrupted},
		"close":     {func(c *gob.Conn, _ func()) { _ = c.Close() }, func() time.Time { return time.Time{} }, net.ErrClosed},
	}
	for name, tt := range tests {
		for what, wait := range map[string]func(*gob.Conn) error{"send": stuck, "receive": recv} {
			t.Run(name+" "+what, func(t *testing.T) {
				client, _ := pair(t)
				c := gob.New(client, gob.Options{})
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				c.Bind(ctx, tt.bind())
				result := make(chan error)
				go func() { result <- wait(c) }()
				tt.end(c, cancel)
				if err := <-result; !errors.Is(err, tt.want) {
					t.Errorf("got %v, want %v", err, tt.want)
				}
				if err := wait(c); !errors.Is(err, tt.want) {
					t.Errorf("got %v for the next call, want %v", err, tt.want)
				}
				if c.Ready(0) {
					t.Error("got ready, want a connection that is good for Close only")
				}
				_ = c.Close()
				_ = c.Close()
			})
		}
	}
}

func TestSendThatCannotBeginIsNotSent(t *testing.T) {
	client, _ := pair(t)
	c := gob.New(client, gob.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	c.Bind(ctx, time.Time{})
	if err := c.Send(request("x")); !errors.Is(err, transport.ErrNotSent) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want canceled and not sent", err)
	}
}

// TestLateEndOfContext ends the context of one exchange during the next one.
func TestLateEndOfContext(t *testing.T) {
	client, server := pair(t)
	c, s := gob.New(client, gob.Options{}), gob.New(server, gob.Options{})
	done := make(chan error)
	go func() {
		var m transport.Message
		for {
			err := s.Recv(&m)
			if err == nil {
				err = s.Send(&m)
			}
			if err != nil {
				done <- err
				return
			}
		}
	}()
	var m transport.Message
	for range 200 {
		ctx, cancel := context.WithCancel(context.Background())
		c.Bind(ctx, time.Now().Add(time.Minute))
		if err := errors.Join(c.Send(request("x")), c.Recv(&m)); err != nil {
			t.Fatal(err)
		}
		go cancel()
		c.Bind(context.Background(), time.Time{})
		if err := errors.Join(c.Send(request("y")), c.Recv(&m)); err != nil {
			t.Fatal(err)
		}
		if !c.Ready(time.Second) {
			t.Fatal("got not ready between exchanges, want ready")
		}
	}
	if got, want := c.LocalAddress(), s.RemoteAddress(); got != want {
		t.Errorf("got local address %q, want %q", got, want)
	}
	_ = c.Close()
	if err := <-done; err != io.EOF {
		t.Errorf("got %v at the server, want EOF", err)
	}
}

// told is a socket that signals when it is read.
type told struct {
	net.Conn
	reading chan struct{} // capacity 1
}

func (c *told) Read(p []byte) (int, error) {
	select {
	case c.reading <- struct{}{}:
	default:
	}
	return c.Conn.Read(p)
}

// A Recv in progress keeps its bound while the next one is set, as that of a stream while
// its end is sent; later calls have the next bound.
func TestBindLeavesWhatIsUnderWay(t *testing.T) {
	for name, tt := range map[string]struct {
		deadline time.Duration // 0: none
		end      func(cancel func())
		want     error
	}{
		"cancel":   {0, func(cancel func()) { cancel() }, context.Canceled},
		"deadline": {100 * time.Millisecond, func(func()) {}, os.ErrDeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			client, server := pair(t)
			socket := &told{Conn: client, reading: make(chan struct{}, 1)}
			c, s := gob.New(socket, gob.Options{}), gob.New(server, gob.Options{})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var at time.Time
			if tt.deadline != 0 {
				at = time.Now().Add(tt.deadline)
			}
			c.Bind(ctx, at)
			result := make(chan error, 1)
			go func() { result <- recv(c) }()
			<-socket.reading
			c.Bind(context.Background(), time.Time{})
			tt.end(cancel)
			select {
			case err := <-result:
				if !errors.Is(err, tt.want) {
					t.Errorf("got %v, want %v", err, tt.want)
				}
			case <-time.After(20 * time.Second):
				t.Fatal("Recv goes on, want that its own bound ends it")
			}
			if err := errors.Join(c.Send(request("x")), s.Recv(new(transport.Message))); err != nil {
				t.Errorf("got %v from Send under the next bound, want none", err)
			}
		})
	}
}

func TestReadyLooksAtTheSocket(t *testing.T) {
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		t.Skip("needs Linux or macOS, where a socket can be checked without reading from it")
	}
	tests := map[string]func(net.Conn){
		"peer closed":   func(c net.Conn) { _ = c.(*net.TCPConn).CloseWrite() },
		"peer reset":    func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0); _ = c.Close() },
		"unasked bytes": func(c net.Conn) { _, _ = c.Write([]byte{1}) },
	}
	for name, misbehave := range tests {
		t.Run(name, func(t *testing.T) { looks(t, misbehave, time.Second) })
		// If the next call follows at once, the idle time is nearly zero.
		t.Run(name+", at once", func(t *testing.T) { looks(t, misbehave, time.Nanosecond) })
	}
	t.Run("bytes behind a reply", func(t *testing.T) {
		c := fed(t, append(fixture(t, "tcp-unary-json.response"), 1), gob.Options{})
		if err := recv(c); err != nil {
			t.Fatal(err)
		}
		for c.Ready(time.Second) { // if the byte was not in the same packet
			runtime.Gosched()
		}
	})
	t.Run("bytes of the prefix", func(t *testing.T) {
		client, _ := pair(t)
		if gob.New(client, gob.Options{Prefix: []byte{1}}).Ready(0) {
			t.Error("got ready, want not ready")
		}
	})
}

// looks checks that Ready detects what the peer does to a connection that has been
// idle for the given time.
func looks(t *testing.T, misbehave func(net.Conn), idle time.Duration) {
	client, server := pair(t)
	c := gob.New(client, gob.Options{})
	for _, idle := range []time.Duration{0, time.Microsecond, time.Second} {
		if !c.Ready(idle) {
			t.Errorf("got not ready after %s, want ready", idle)
		}
	}
	misbehave(server)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for c.Ready(idle) && ctx.Err() == nil { // until the packet has arrived over loopback
		runtime.Gosched()
	}
	if c.Ready(idle) {
		t.Error("got ready, want not ready")
	}
	if c.Ready(0) {
		t.Error("got ready with idle 0 after a look that failed, want not ready")
	}
}
