// SPDX-License-Identifier: Apache-2.0

package http_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http"
)

// TestCancelOfManyWaits cancels waits soon, while they are watched together, and later,
// when each is left to itself.
func TestCancelOfManyWaits(t *testing.T) {
	for _, waits := range []int{1, 200} {
		for _, after := range []time.Duration{0, 5 * time.Millisecond, 120 * time.Millisecond} {
			t.Run(fmt.Sprintf("%d after %s", waits, after), func(t *testing.T) {
				var arrived, left sync.WaitGroup
				arrived.Add(waits)
				address := accept(t, func(c net.Conn) {
					_, _ = c.Read(make([]byte, 4096))
					arrived.Done()
					silent(c)
				})
				tr := newTransport(t)
				cancels := make([]context.CancelFunc, waits)
				for i := range cancels {
					ctx, cancel := context.WithCancel(context.Background())
					cancels[i] = cancel
					c := dial(t, tr, address)
					c.Bind(ctx, time.Now().Add(time.Minute))
					left.Go(func() {
						if err := exchange(c, new(transport.Message)); !errors.Is(err, context.Canceled) {
							t.Errorf("got %v, want context.Canceled", err)
						}
					})
				}
				arrived.Wait()
				<-time.After(after)
				for _, cancel := range cancels {
					cancel()
				}
				left.Wait()
			})
		}
	}
}

// wakes is a connection with code of its own for the deadline that wakes a reader.
type wakes struct {
	*net.TCPConn
	by func()
}

func (c wakes) SetReadDeadline(t time.Time) error {
	if !t.IsZero() && t.Before(time.Now().Add(-time.Hour)) {
		c.by()
	}
	return c.TCPConn.SetReadDeadline(t)
}

// TestCancelBesideABadConnection cancels waits while another connection, of the user's own
// type, blocks or panics when it is to be woken.
func TestCancelBesideABadConnection(t *testing.T) {
	called, release := make(chan struct{}, 1), make(chan struct{})
	for name, by := range map[string]func(){
		"blocks": func() {
			called <- struct{}{}
			<-release
		},
		"panics": func() {
			called <- struct{}{}
			panic("no deadlines here")
		},
	} {
		t.Run(name, func(t *testing.T) {
			address, bad := accept(t, silent), true
			tr := newTransport(t, http.WithDialer(func(ctx context.Context, network, address string) (net.Conn, error) {
				c, err := new(net.Dialer).DialContext(ctx, network, address)
				if err == nil && bad {
					bad = false
					return wakes{c.(*net.TCPConn), by}, nil
				}
				return c, err
			}))
			begin := func() (c transport.Exclusive, cancel context.CancelFunc, ended <-chan error) {
				ctx, cancel := context.WithCancel(t.Context())
				c = dial(t, tr, address)
				c.Bind(ctx, time.Now().Add(time.Minute))
				result := make(chan error, 1)
				go func() { result <- exchange(c, new(transport.Message)) }()
				return c, cancel, result
			}
			first, cancel, firstEnded := begin()
			time.AfterFunc(5*time.Millisecond, cancel)
			<-called
			for range 10 { // more than there are watchers, so that some have that of the first
				_, cancel, ended := begin()
				time.AfterFunc(5*time.Millisecond, cancel)
				if err := <-ended; !errors.Is(err, context.Canceled) {
					t.Errorf("got %v, want context.Canceled", err)
				}
			}
			if name == "blocks" {
				close(release)
			} else {
				_ = first.Close()
			}
			<-firstEnded
		})
	}
}

// TestWatchedWaitsAllocateNothing counts the allocations of waits that last too long to
// go unnoticed by the watchers.
func TestWatchedWaitsAllocateNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("needs a build without the race detector, which allocates: make allocs")
	}
	const connections, exchanges = 100, 20
	address := accept(t, func(c net.Conn) {
		timer := time.NewTimer(0)
		buf, reply := make([]byte, 4096), []byte(ok+"Content-Length: 1\r\n\r\nx")
		for {
			if _, err := c.Read(buf); err != nil {
				return
			}
			timer.Reset(5 * time.Millisecond)
			<-timer.C
			if _, err := c.Write(reply); err != nil {
				return
			}
		}
	})
	tr := newTransport(t)
	ctx := t.Context()
	var held [connections]transport.Exclusive
	for i := range held {
		held[i] = dial(t, tr, address)
	}
	all := func(n int) {
		var done sync.WaitGroup
		for _, c := range held {
			done.Go(func() {
				m, reply := warm(64), new(transport.Message)
				for range n {
					c.Bind(ctx, time.Now().Add(time.Minute))
					if err := errors.Join(c.Send(m), c.Recv(reply)); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		done.Wait()
	}
	all(2)
	before := mallocs()
	all(exchanges)
	// With context.AfterFunc for each wait there are four.
	if each := float64(mallocs()-before) / (connections * exchanges); each > 2 {
		t.Errorf("got %.1f allocations for an exchange, want none but those that start the goroutines", each)
	} else {
		t.Logf("%.1f allocations for an exchange", each)
	}
}

func mallocs() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}
