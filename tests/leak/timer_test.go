// SPDX-License-Identifier: Apache-2.0

package leak_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"example.com/mailcall/actors"
	"example.com/mailcall/actors/caller"
	"example.com/mailcall/actors/selector"
	"example.com/mailcall/internal/clock"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/messages"
	"example.com/mailcall/tests/internal/kit"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http"
)

// counting is a clock that knows how many of its timers are armed.
type counting struct {
	clock.Clock
	armed *atomic.Int64
}

func (c counting) Timer(f func()) clock.Timer {
	t := &countedTimer{clock: c}
	t.Timer = c.Clock.Timer(func() {
		t.set(false)
		f()
	})
	return t
}

type countedTimer struct {
	clock.Timer
	clock counting
	on    atomic.Bool
}

func (t *countedTimer) set(on bool) {
	if t.on.Swap(on) != on {
		t.clock.armed.Add(map[bool]int64{true: 1, false: -1}[on])
	}
}

func (t *countedTimer) Reset(at clock.Instant) {
	t.set(true)
	t.Timer.Reset(at)
}

func (t *countedTimer) Stop() {
	t.Timer.Stop()
	t.set(false)
}

// plain is the least that a call can be.
type plain struct{}

func (plain) Encode() (brief bool, err error) { return true, nil }

func (plain) Fill(_ context.Context, m *transport.Message, _ *messages.Node, _ time.Duration) error {
	m.Header.Add("Content-Type", "application/json")
	m.Header.Add("Micro-Endpoint", kit.Hello)
	m.Body = []byte("{}")
	return nil
}

func (plain) ReplyError(*transport.Message, *messages.Node, error) error { return nil }

func (plain) Decode(*transport.Message) error { return nil }

func (plain) Retry(int, error) (messages.Wish, time.Duration, error) { return messages.NoWish, -1, nil }

func (plain) Wrap(*messages.Node, func(context.Context) error) error { return nil }

func (plain) Keep()     {}
func (plain) Sent(bool) {}

// No timer is armed any more after Close: not those of calls that were cut,
// nor those of pools and selectors.
func TestCloseStopsTimers(t *testing.T) {
	g := kit.NewGate()
	server := mailcalltest.Start(t, g.Handler())
	clock := counting{clock.Real(), new(atomic.Int64)}
	over, err := http.New()
	if err != nil {
		t.Fatal(err)
	}
	rt, err := actors.New(actors.Config{
		Name: "timers", Clock: clock, Seed: 1, MaxCalls: 100, MaxServices: 16,
		Transports: map[string]transport.Transport{"http": over},
		Limits:     messages.PoolLimits{Size: 10, Max: 10, Waiters: 10, TTL: time.Hour, IdleTimeout: time.Hour, DialTimeout: time.Hour},
		Policy:     messages.SelectorPolicy{Picker: selector.P2C{}, Transport: "http"},
	})
	if err != nil {
		t.Fatal(err)
	}
	plan := &caller.Plan{
		Service: "greeter", Endpoint: kit.Hello, Key: "greeter", Addresses: []string{server.Address()},
		Timeout: time.Hour, AttemptTimeout: time.Hour, HedgeAfter: time.Minute, Attempts: 2, Idempotent: true,
	}
	const n = 5
	ended := make(chan error, n)
	for range n {
		go func() { ended <- rt.Desk.Do(context.Background(), plan, plain{}) }()
	}
	for range n {
		kit.Await(t, "a request", g.Hits)
	}
	kit.Until(t, "timers to be armed", func() bool { return clock.armed.Load() >= n })
	if got := rt.Close(kit.Over()); got != n {
		t.Errorf("got %d calls cut, want %d", got, n)
	}
	for range n {
		kit.Await(t, "an answer", ended)
	}
	if got := clock.armed.Load(); got != 0 {
		t.Errorf("got %d timers armed, want none", got)
	}
}
