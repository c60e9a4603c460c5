// SPDX-License-Identifier: Apache-2.0

package chaos_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/tests/internal/kit"
)

// load makes calls from several goroutines until it is told to stop.
type load struct {
	stop chan struct{}
	done atomic.Int64
	work sync.WaitGroup
	mu   sync.Mutex
	lost []error
}

func begin(t *testing.T, c *api.Caller, callers int, opts ...api.CallOption) *load {
	l := &load{stop: make(chan struct{})}
	ctx := kit.Within(t)
	for range callers {
		l.work.Go(func() {
			for {
				select {
				case <-l.stop:
					return
				default:
				}
				if err := kit.Call(ctx, c, opts...); err != nil {
					l.mu.Lock()
					l.lost = append(l.lost, err)
					l.mu.Unlock()
				}
				l.done.Add(1)
			}
		})
	}
	return l
}

// more waits for n further calls.
func (l *load) more(t *testing.T, n int64) {
	t.Helper()
	target := l.done.Load() + n
	kit.Until(t, "calls to be made", func() bool { return l.done.Load() >= target })
}

func (l *load) end(t *testing.T) {
	t.Helper()
	close(l.stop)
	l.work.Wait()
	for i, err := range l.lost {
		if i == 5 {
			t.Errorf("... and %d more", len(l.lost)-i)
			break
		}
		t.Errorf("a call was lost: %v", err)
	}
	t.Logf("%d calls", l.done.Load())
}

// Nodes that crash and come back under load lose no idempotent call: there is
// always another node, and the budget lasts because crashes are seldom.
func TestRestartsLoseNothing(t *testing.T) {
	const nodes, rounds, between = 4, 12, 400
	var fleet []*mailcalltest.Responder
	var addresses []string
	for range nodes {
		r := mailcalltest.Start(t)
		fleet, addresses = append(fleet, r), append(addresses, r.Address())
	}
	c := kit.Start(t, api.WithAddress(addresses...), api.WithIdempotent(true), api.WithRetries(4))
	l := begin(t, c, 8)
	l.more(t, between)
	for i := range rounds {
		r := fleet[i%nodes]
		r.Kill()
		l.more(t, between)
		if err := r.Restart(); err != nil && !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("cannot restart: %v", err) // a taken port leaves one node less
		}
		l.more(t, between)
	}
	l.end(t)
	kit.Settled(t, c)
}

// Calls that are cancelled at random moments under load disturb no other.
func TestCancelledCallsDisturbNobody(t *testing.T) {
	server := mailcalltest.Start(t)
	c := kit.Start(t, api.WithAddress(server.Address()), api.WithPoolMax(16))
	l := begin(t, c, 4)
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			for range 200 {
				ctx, cancel := context.WithCancel(context.Background())
				over := make(chan error, 1)
				go func() { over <- kit.Call(ctx, c) }()
				cancel()
				if err := <-over; err != nil && !errors.Is(err, context.Canceled) {
					t.Errorf("got %v, want %v or an answer", err, context.Canceled)
				}
			}
		})
	}
	work.Wait()
	l.end(t)
	kit.Settled(t, c)
}

// A server that restarts leaves many idle connections behind that it has closed.
// They cost neither an attempt nor a retry, however many they are: the next call
// passes over all of them.
func TestIdleConnectionsOfAnotherLifeCostNothing(t *testing.T) {
	const idle = 20
	gate := kit.NewGate()
	server := mailcalltest.Start(t, gate.Handler())
	c := kit.Start(t, api.WithAddress(server.Address()), api.Retries(0))
	ctx := kit.Within(t)
	told := make(chan error, idle)
	for range idle {
		go func() { told <- kit.Call(ctx, c) }()
	}
	for range idle {
		kit.Await(t, "a call", gate.Hits)
	}
	gate.Open()
	for range idle {
		if err := kit.Await(t, "an answer", told); err != nil {
			t.Fatal(err)
		}
	}
	kit.Until(t, "all connections to be idle", func() bool { return kit.Pool(c).Idle == idle })
	server.Kill()
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	if err := kit.Call(ctx, c); err != nil {
		t.Fatal(err)
	}
	kit.Until(t, "the old connections to be closed", func() bool { return kit.Pool(c).Discarded == idle })
	if p := kit.Pool(c); p.Dialled != idle+1 {
		t.Errorf("got %d dials, want %d", p.Dialled, idle+1)
	}
}
