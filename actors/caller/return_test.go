// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"context"
	"errors"
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/dice"
	"example.com/mailcall/messages"
	"example.com/mailcall/transport"
)

// idle is a connection on which nothing happens.
type idle struct{ transport.Conn }

func (idle) Close() error { return nil }

// attempting returns the first attempt of a live call. It has a connection, and
// keeper gets what the pool's keeper is told.
func attempting(t *testing.T) (a *attempt, keeper *told) {
	t.Helper()
	system := actor.NewActorSystem()
	t.Cleanup(func() { system.Shutdown() })
	d := NewDesk(Config{System: system, Name: "desk", Clock: clock.Real(), Dice: dice.NewSource(1), MaxCalls: blockSize})
	c, err := d.take()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Vacate)
	keeper = new(told)
	pid, _ := system.ProcessRegistry.Add(keeper, "keeper")
	pool := &messages.Pool{Keeper: messages.NewRef[messages.KeeperMessage](system, pid)}
	pool.Resize(1)
	c.now = 1
	c.ctx, c.plan = context.Background(), &Plan{Attempts: 1}
	a = &c.attempts[0]
	a.number, a.node = 1, new(messages.Node)
	a.conn = messages.NewConn(idle{}, pool, 1, 0)
	return a, keeper
}

// A connection on which a part of a request or of a reply may be left is closed; on
// any other the next call goes on.
func TestConnectionAfterAFailedAttempt(t *testing.T) {
	fault := errors.New("fault")
	for _, tc := range []struct {
		name string
		end  func(a *attempt)
		kept bool
	}{
		{"refused before the first byte", func(a *attempt) { a.answered(transport.NotSent(transport.ErrInvalid)) }, true},
		{"refused half-way", func(a *attempt) { a.answered(transport.ErrInvalid) }, false},
		{"abandoned within the exchange", func(a *attempt) { a.abandon(fault) }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, keeper := attempting(t)
			conn := a.conn
			tc.end(a)
			if n, _ := conn.Pool.Idle(); (n == 1) != tc.kept {
				t.Errorf("got %d idle connections, want it kept: %t", n, tc.kept)
			}
			if dropped := len(*keeper) == 1 && (*keeper)[0] == any(messages.Dropped{Conn: conn}); dropped == tc.kept {
				t.Errorf("got %+v told to the keeper, want it dropped: %t", *keeper, !tc.kept)
			}
			if a.conn != nil {
				t.Error("got an attempt that still has the connection, want none")
			}
		})
	}
}

// An attempt whose time has passed before its request is written has the least time
// left, and not none, which would mean that it has no bound.
func TestRemaining(t *testing.T) {
	for _, tc := range []struct {
		bound, now clock.Instant
		none       bool
	}{
		{0, 5, true}, {9, 5, false}, {5, 5, false}, {4, 5, false},
	} {
		a := &attempt{bound: tc.bound}
		if got := a.remaining(tc.now); got < 0 || (got == 0) != tc.none {
			t.Errorf("bound %d at %d: got %s left, want 0: %t", tc.bound, tc.now, got, tc.none)
		}
	}
}

// A Cancel that comes too late ends its own call only, not the one that the cell has
// begun to serve meanwhile.
func TestLateInterrupt(t *testing.T) {
	for _, tc := range []struct {
		name  string
		calls messages.Ticket // how many calls the cell has begun to serve since
		cut   bool
	}{
		{"the same call", 0, true},
		{"the next call", 1, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, _ := attempting(t)
			c, b := a.cell, a.bounded(context.Background())
			defer b.cut()
			c.cut.Store(b)
			c.parking.Store(a.token())
			c.interrupt(c.ticket - 2*tc.calls)
			if cut := b.Err() != nil; cut != tc.cut {
				t.Errorf("got an exchange that was cut off: %t, want %t", cut, tc.cut)
			}
			if word := c.parking.Load(); (word == a.token()) == tc.cut {
				t.Errorf("got %#x for the exchange %#x, want it interrupted: %t", word, a.token(), tc.cut)
			}
		})
	}
}
