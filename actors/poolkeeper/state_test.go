// SPDX-License-Identifier: Apache-2.0

package poolkeeper

import (
	"math"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/dice"
	"example.com/mailcall/messages"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func acquire(ticket messages.Ticket, deadline clock.Instant) messages.Acquire {
	return messages.Acquire{Ticket: ticket, Attempt: 1, Deadline: deadline}
}

func TestEnqueue(t *testing.T) {
	for _, c := range []struct {
		name  string
		state state
		want  []verdict // of one Acquire after the other
	}{
		{"dials serve all", state{limits: messages.PoolLimits{Max: 3}}, []verdict{wait, wait, wait, refused}},
		{"beyond dials some may wait", state{limits: messages.PoolLimits{Max: 1, Waiters: 2}}, []verdict{wait, wait, wait, refused}},
		{"all connections are lent", state{limits: messages.PoolLimits{Max: 2, Waiters: 1}, open: 2}, []verdict{wait, refused}},
		{"nobody may wait", state{limits: messages.PoolLimits{Max: 2}, open: 2}, []verdict{refused}},
		{"more are open than may be now", state{limits: messages.PoolLimits{Max: 1, Waiters: 1}, open: 5}, []verdict{wait, refused}},
		{"as many as there can be", state{limits: messages.PoolLimits{Max: math.MaxInt, Waiters: math.MaxInt}}, []verdict{wait, wait}},
		{"retired", state{limits: messages.PoolLimits{Max: 2, Waiters: 2}, retired: true}, []verdict{closed, closed}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i, want := range c.want {
				if got := c.state.enqueue(acquire(messages.Ticket(i), 0)); got != want {
					t.Errorf("call %d: got verdict %d, want %d", i, got, want)
				}
			}
		})
	}
}

// First come, first served; a waiter whose deadline has passed is skipped.
func TestNext(t *testing.T) {
	s := state{limits: messages.PoolLimits{Waiters: 10}}
	for i, deadline := range []clock.Instant{0, 50, 100, 40, 101} {
		s.enqueue(acquire(messages.Ticket(i+1), deadline))
	}
	for i, want := range []struct {
		ticket  messages.Ticket
		expired int
		ok      bool
	}{{1, 0, true}, {5, 3, true}, {0, 0, false}} {
		w, expired, ok := s.next(100, true)
		if w.Ticket != want.ticket || expired != want.expired || ok != want.ok {
			t.Errorf("turn %d: got waiter %d, %d expired, %t, want %+v", i, w.Ticket, expired, ok, want)
		}
	}
}

func TestNextSkipsExpiredWaiters(t *testing.T) {
	s := state{limits: messages.PoolLimits{Waiters: 10}}
	s.enqueue(acquire(1, 50))
	s.enqueue(acquire(2, 60))
	if _, expired, ok := s.next(100, true); ok || expired != 2 {
		t.Errorf("got %d expired, %t, want 2 expired and nobody", expired, ok)
	}
}

func TestWithdraw(t *testing.T) {
	s := state{limits: messages.PoolLimits{Waiters: 10}}
	for ticket := range messages.Ticket(4) {
		s.enqueue(acquire(ticket, 0))
	}
	for _, c := range []struct {
		m    messages.Withdraw
		want bool
	}{
		{messages.Withdraw{Ticket: 2, Attempt: 1}, true},
		{messages.Withdraw{Ticket: 2, Attempt: 1}, false}, // it is gone
		{messages.Withdraw{Ticket: 3, Attempt: 2}, false}, // another attempt
		{messages.Withdraw{Ticket: 9, Attempt: 1}, false},
		{messages.Withdraw{Ticket: 0, Attempt: 1}, true},
	} {
		if got := s.withdraw(c.m); got != c.want {
			t.Errorf("%+v: got %t, want %t", c.m, got, c.want)
		}
	}
	left := []messages.Ticket{s.waiters[0].Ticket, s.waiters[1].Ticket}
	if want := []messages.Ticket{1, 3}; !slices.Equal(left, want) || len(s.waiters) != 2 {
		t.Errorf("got %v left, want %v", left, want)
	}
}

func TestNeedDial(t *testing.T) {
	for _, c := range []struct {
		name          string
		max           int
		waiters       int
		open, dialing int
		retired       bool
		want          bool
	}{
		{"nobody waits", 4, 0, 0, 0, false, false},
		{"one waits", 4, 1, 0, 0, false, true},
		{"its dial is under way", 4, 1, 0, 1, false, false},
		{"one more waits", 4, 2, 0, 1, false, true},
		{"the bound is reached", 4, 9, 3, 1, false, false},
		{"below the bound", 4, 9, 2, 1, false, true},
		{"more are open than may be now", 1, 9, 3, 0, false, false},
		{"retired", 4, 1, 0, 0, true, false},
	} {
		s := state{limits: messages.PoolLimits{Max: c.max}, open: c.open, dialing: c.dialing, retired: c.retired, waiters: make([]messages.Acquire, c.waiters)}
		if got := s.needDial(); got != c.want {
			t.Errorf("%s: got %t, want %t", c.name, got, c.want)
		}
	}
}

func TestGone(t *testing.T) {
	for _, c := range []struct {
		state state
		want  bool
	}{
		{state{}, false},
		{state{retired: true}, true},
		{state{retired: true, open: 1}, false},
		{state{retired: true, dialing: 1}, false},
	} {
		if got := c.state.gone(); got != c.want {
			t.Errorf("%+v: got %t, want %t", c.state, got, c.want)
		}
	}
}

// Room is needed if a caller waits for a dial that the bound does not allow.
func TestNeedRoom(t *testing.T) {
	for _, c := range []struct {
		name                   string
		waiters, open, dialing int
		want                   bool
	}{
		{"nobody waits", 0, 2, 0, false},
		{"a dial is under way", 1, 1, 1, false},
		{"a dial may begin", 1, 1, 0, false},
		{"no dial may begin", 1, 2, 0, true},
		{"no second dial may begin", 2, 1, 1, true},
	} {
		s := state{limits: messages.PoolLimits{Max: 2}, waiters: make([]messages.Acquire, c.waiters), open: c.open, dialing: c.dialing}
		if got := s.needRoom(); got != c.want {
			t.Errorf("%s: got %t, want %t", c.name, got, c.want)
		}
	}
}

// Connections that were opened together do not expire together.
func TestExpiriesAreSpread(t *testing.T) {
	const ttl = 1000
	k := &keeper{Config: Config{Dice: dice.NewSource(1).Dice()}, state: state{limits: messages.PoolLimits{TTL: ttl}}}
	const now = clock.Instant(1)
	least, most := clock.Instant(2*ttl), now
	for range 1000 {
		at := k.expiry(now)
		least, most = min(least, at), max(most, at)
	}
	if least.Sub(now) < 800 || least.Sub(now) > 820 || most.Sub(now) < 1180 || most.Sub(now) > 1200 {
		t.Errorf("got ends from %d to %d, want them all over from 800 to 1200", least.Sub(now), most.Sub(now))
	}
}

// One dial serves all callers that wait for a shared connection.
func TestOneDialForASharedConnection(t *testing.T) {
	s := state{limits: messages.PoolLimits{Max: 9}, waiters: make([]messages.Acquire, 5), multiplexed: true}
	if !s.needDial() {
		t.Error("got no dial, want one")
	}
	s.dialing = 1
	if s.needDial() {
		t.Error("got a second dial, want one for all")
	}
}
