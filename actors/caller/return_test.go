// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"example.com/mailcall/actors/internal/actortest"
	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/dice"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// idle is a connection on which nothing happens.
type idle struct{ transport.Conn }

func (idle) Close() error { return nil }

// attempting returns the first attempt of a live call. It has a connection, and
// keeper gets what the pool's keeper is told.
func attempting(t *testing.T) (a *attempt, keeper *actortest.Inbox) {
	t.Helper()
	system := actor.NewActorSystem()
	t.Cleanup(func() { system.Shutdown() })
	d := NewDesk(Config{System: system, Name: "desk", Clock: clock.Real(), Dice: dice.NewSource(1), MaxCalls: blockSize})
	c, err := d.take()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Vacate)
	keeper = new(actortest.Inbox)
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

// lent is memory on loan that counts its returns.
type lent int

func (l *lent) Return() { *l++ }

// The memory of a reply that nobody waits for any more goes back to its connection.
func TestLoanOfALateReply(t *testing.T) {
	for _, tc := range []struct {
		name string
		end  func(a *attempt, loan *lent)
	}{
		{"after the attempt", func(a *attempt, loan *lent) {
			a.Deliver(a.token(), new(transport.Message), loan, nil)
		}},
		{"as the attempt ends", func(a *attempt, loan *lent) {
			a.replySlot.open(a.token())
			a.Deliver(a.token(), new(transport.Message), loan, nil)
			a.replySlot.shut(a.token())
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, _ := attempting(t)
			loan := new(lent)
			tc.end(a, loan)
			if *loan != 1 {
				t.Errorf("got the memory back %d times, want once", *loan)
			}
			if a.land() {
				t.Error("got a reply, want none")
			}
		})
	}
}

// An exchange that was interrupted has failed, even if its reply was there already: its
// connection is not good any more.
func TestReplyOfAnInterruptedExchange(t *testing.T) {
	cutOff := func(*attempt) uint64 { return interrupted }
	for _, tc := range []struct {
		name string
		word func(a *attempt) uint64
		err  error // of the exchange itself
		want error
	}{
		{"interrupted", cutOff, nil, transport.ErrInterrupted},
		{"interrupted behind an answer", cutOff, transport.ErrComplete, transport.ErrInterrupted},
		{"not interrupted", (*attempt).token, nil, nil},
		{"answered", (*attempt).token, transport.ErrComplete, transport.ErrComplete},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, _ := attempting(t)
			a.cell.parking.Store(tc.word(a))
			err := tc.err
			a.parked(&err)
			if !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			if word := a.cell.parking.Load(); word != notParked {
				t.Errorf("got %#x for the next exchange, want %#x", word, notParked)
			}
		})
	}
}

// The bound that an attempt ran into is the call's if they are the same.
func TestBoundThatWasReached(t *testing.T) {
	for _, tc := range []struct {
		bound, deadline clock.Instant
		want            error
	}{
		{5, 9, rpcerr.ErrAttemptTimeout},
		{9, 9, context.DeadlineExceeded},
		{5, 0, rpcerr.ErrAttemptTimeout},
	} {
		a, _ := attempting(t)
		a.bound, a.cell.deadline = tc.bound, tc.deadline
		if err := a.cell.timeoutError(a, "without an answer"); !errors.Is(err, tc.want) {
			t.Errorf("bound %d, deadline %d: got %v, want %v", tc.bound, tc.deadline, err, tc.want)
		}
	}
}

// Once every node has been tried, the one that has just failed is avoided, or those at
// which an attempt still runs.
func TestNodesToAvoid(t *testing.T) {
	one, two, three := new(messages.Node), new(messages.Node), new(messages.Node)
	for _, tc := range []struct {
		name         string
		ready, tried []*messages.Node
		live         *messages.Node
		want         []*messages.Node
	}{
		{"the first attempt", []*messages.Node{one, two}, nil, nil, nil},
		{"one is left", []*messages.Node{one, two, three}, []*messages.Node{one, two}, nil, []*messages.Node{one, two}},
		{"none is left", []*messages.Node{one, two}, []*messages.Node{one, two}, nil, []*messages.Node{two}},
		{"none is left, one is busy", []*messages.Node{one, two}, []*messages.Node{one, two}, one, []*messages.Node{one}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, _ := attempting(t)
			s := &a.cell.sup
			s.tried = tc.tried
			if tc.live != nil {
				a.node, s.state.live[a.slot] = tc.live, true
			}
			if got := s.avoid(tc.ready); !slices.Equal(got, tc.want) {
				t.Errorf("got %p, want %p", got, tc.want)
			}
		})
	}
}

// pushback is an error with which a server asks for time.
type pushback struct{ time.Duration }

func (pushback) Error() string { return "not now" }

func (p pushback) Pushback() time.Duration { return p.Duration }

// The backoff begins anew after a server has said how long to wait: the retrier is told
// after which attempt that was.
func TestAttemptAfterWhichTheServerPushedBack(t *testing.T) {
	a, _ := attempting(t)
	var retrier actortest.Inbox
	c := a.cell
	pid, _ := c.desk.System.ProcessRegistry.Add(&retrier, "retrier")
	c.desk.Retrier = messages.NewRef[messages.RetrierMessage](c.desk.System, pid)
	c.exchange = unwished{}
	s := &c.sup
	s.service = new(messages.Service)
	for i, tc := range []struct {
		err    error
		pushed int
	}{
		{errFault, 0}, {pushback{1}, 0}, {errFault, 2}, {pushback{-1}, 2}, {pushback{1}, 2}, {errFault, 5},
	} {
		s.state = state{plan: c.plan, started: i + 1}
		s.ended = messages.AttemptEnded{Proof: rpcerr.SentUnknown, Err: tc.err}
		s.judge(1)
		if m, is := retrier[i].(messages.Judge); !is || m.Case.Pushed != tc.pushed {
			t.Errorf("attempt %d: got %+v told to the retrier, want it pushed back after attempt %d", i+1, retrier[i], tc.pushed)
		}
	}
}
