// SPDX-License-Identifier: Apache-2.0

package http_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/mailcall/transport"
)

// silent reads everything and never answers.
func silent(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

func TestBounds(t *testing.T) {
	background := context.Background()
	canceled, cancel := context.WithCancel(background)
	cancel()
	tests := map[string]struct {
		ctx      func() (context.Context, context.CancelFunc)
		deadline time.Duration
		want     error
	}{
		"deadline":           {func() (context.Context, context.CancelFunc) { return background, func() {} }, 10 * time.Millisecond, os.ErrDeadlineExceeded},
		"deadline, as a ctx": {func() (context.Context, context.CancelFunc) { return background, func() {} }, 10 * time.Millisecond, context.DeadlineExceeded},
		"deadline with ctx":  {func() (context.Context, context.CancelFunc) { return context.WithCancel(background) }, 10 * time.Millisecond, os.ErrDeadlineExceeded},
		"short, with ctx":    {func() (context.Context, context.CancelFunc) { return context.WithCancel(background) }, 200 * time.Microsecond, os.ErrDeadlineExceeded},
		"ctx by time": {func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(background, 10*time.Millisecond)
		}, time.Minute, context.DeadlineExceeded},
		"ctx by time, soon": {func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(background, time.Millisecond/2)
		}, 0, context.DeadlineExceeded},
		"deadline passed": {func() (context.Context, context.CancelFunc) { return background, func() {} }, -time.Second, os.ErrDeadlineExceeded},
		"canceled before": {func() (context.Context, context.CancelFunc) { return canceled, func() {} }, 0, context.Canceled},
	}
	address := accept(t, silent)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := dial(t, newTransport(t), address)
			ctx, cancel := tt.ctx()
			defer cancel()
			var deadline time.Time
			if tt.deadline != 0 {
				deadline = time.Now().Add(tt.deadline)
			}
			c.Bind(ctx, deadline)
			if err := exchange(c, new(transport.Message)); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if c.Ready(0) {
				t.Error("got ready, want not ready after an error")
			}
			_ = c.Close()
		})
	}
}

// TestBoundThatEndsNothing sends after the deadline: nothing may be written.
func TestBoundThatEndsNothing(t *testing.T) {
	c := dial(t, newTransport(t), accept(t, silent))
	c.Bind(context.Background(), time.Now().Add(-time.Second))
	if err := c.Send(request("x")); !errors.Is(err, transport.ErrNotSent) || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want ErrNotSent and os.ErrDeadlineExceeded", err)
	}
	_ = c.Close()
}

// TestCancelWhileWaiting cancels when the server has the request, and in the long
// wait that follows.
func TestCancelWhileWaiting(t *testing.T) {
	for name, wait := range map[string]time.Duration{"at once": 0, "later": 20 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			address := accept(t, func(c net.Conn) {
				_, _ = c.Read(make([]byte, 4096))
				timer := time.AfterFunc(wait, cancel)
				defer timer.Stop()
				silent(c)
			})
			c := dial(t, newTransport(t), address)
			c.Bind(ctx, time.Now().Add(time.Minute))
			if err := exchange(c, new(transport.Message)); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want context.Canceled", err)
			}
			_ = c.Close()
		})
	}
}

// TestBlockedSend writes to a peer that does not read.
func TestBlockedSend(t *testing.T) {
	body := make([]byte, 4<<20)
	tests := map[string]struct {
		bind func(c transport.Exclusive, cancel context.CancelFunc, ctx context.Context)
		size int
		want error
	}{
		"deadline": {func(c transport.Exclusive, _ context.CancelFunc, _ context.Context) {
			c.Bind(context.Background(), time.Now().Add(20*time.Millisecond))
		}, 4 << 20, os.ErrDeadlineExceeded},
		"deadline, small": {func(c transport.Exclusive, _ context.CancelFunc, _ context.Context) {
			c.Bind(context.Background(), time.Now().Add(20*time.Millisecond))
		}, 1 << 10, os.ErrDeadlineExceeded},
		"cancel": {func(c transport.Exclusive, cancel context.CancelFunc, ctx context.Context) {
			c.Bind(ctx, time.Now().Add(time.Minute))
			time.AfterFunc(20*time.Millisecond, cancel)
		}, 4 << 20, context.Canceled},
		"interrupt": {func(c transport.Exclusive, _ context.CancelFunc, _ context.Context) {
			time.AfterFunc(20*time.Millisecond, c.Interrupt)
		}, 4 << 20, transport.ErrInterrupted},
		"closed from aside": {func(c transport.Exclusive, _ context.CancelFunc, _ context.Context) {
			time.AfterFunc(20*time.Millisecond, func() { _ = c.Close() })
		}, 4 << 20, net.ErrClosed},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			release := make(chan struct{})
			address := accept(t, func(net.Conn) { <-release })
			defer close(release)
			c := dial(t, newTransport(t), address)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			tt.bind(c, cancel, ctx)
			var err error
			for i := 0; i < 100_000 && err == nil; i++ {
				err = c.Send(&transport.Message{Body: body[:tt.size]})
			}
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if c.Ready(0) {
				t.Error("got ready, want not ready after an error")
			}
			_ = c.Close()
		})
	}
}

// TestInterruptRace interrupts exchanges at random moments.
func TestInterruptRace(t *testing.T) {
	address := respond(t, newTransport(t), echo)
	for i := range 50 {
		c := dial(t, newTransport(t), address)
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		started := make(chan struct{})
		wg.Go(func() {
			<-started
			c.Interrupt()
		})
		var m transport.Message
		var err error
		for n := 0; err == nil; n++ {
			if n == i%7 {
				close(started)
			}
			if n%2 == 0 {
				c.Bind(ctx, time.Now().Add(time.Minute))
			} else {
				c.Bind(context.Background(), time.Now().Add(time.Minute))
			}
			err = exchange(c, &m)
		}
		if !errors.Is(err, transport.ErrInterrupted) {
			t.Errorf("got %v, want ErrInterrupted", err)
		}
		wg.Wait()
		if err := c.Recv(&m); !errors.Is(err, transport.ErrInterrupted) {
			t.Errorf("got %v, want ErrInterrupted for ever", err)
		}
		cancel()
		_ = c.Close()
	}
}

// TestLateCancelIsHarmless cancels contexts of exchanges that have ended while later
// ones are in progress.
func TestLateCancelIsHarmless(t *testing.T) {
	address := accept(t, func(c net.Conn) {
		buf := make([]byte, 4096)
		for {
			if _, err := c.Read(buf); err != nil {
				return
			}
			timer := time.NewTimer(3 * time.Millisecond) // during the part of the wait that watches the context
			<-timer.C
			if _, err := c.Write([]byte(ok + "Content-Length: 1\r\n\r\nx")); err != nil {
				return
			}
		}
	})
	c := dial(t, newTransport(t), address)
	var wg sync.WaitGroup
	for range 30 {
		ctx, cancel := context.WithCancel(context.Background())
		c.Bind(ctx, time.Now().Add(time.Minute))
		if err := exchange(c, new(transport.Message)); err != nil {
			t.Fatal(err)
		}
		wg.Go(cancel)
	}
	wg.Wait()
	_ = c.Close()
}

// countingConn counts how often deadlines are set.
type countingConn struct {
	*net.TCPConn
	reads, writes atomic.Int64 // a watcher may set a deadline at any time
}

func (c *countingConn) SetReadDeadline(t time.Time) error {
	c.reads.Add(1)
	return c.TCPConn.SetReadDeadline(t)
}

func (c *countingConn) SetWriteDeadline(t time.Time) error {
	c.writes.Add(1)
	return c.TCPConn.SetWriteDeadline(t)
}
