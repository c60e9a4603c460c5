// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"context"
	"errors"
	"sync/atomic"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/dice"
	"example.com/mailcall/internal/guard"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
)

// cell is the recycled state of one call: its supervisor, its attempts and
// their mailbox. The actors in it have permanent addresses; the ticket, which
// changes with every call, says which call they serve.
//
// Exactly one goroutine runs a live cell: the one that waits for the call.
// Turns are short, with one exception: an attempt on an exclusive connection
// blocks in the network poller within its turn, where an urgent message
// interrupts it.
type cell struct {
	desk *Desk
	slot uint32 // in the stack of free cells
	// gen is odd while the cell is live, and then equals its ticket.
	gen  atomic.Uint64
	wake chan struct{}
	mail mailbox

	sup      supervisor
	attempts [slots]attempt

	// The call. Only the goroutine that runs the cell touches these.
	ctx         context.Context //nolint:containedctx // the cell is the call; it drops the context when the call ends
	plan        *Plan
	exchange    Exchange
	ticket      messages.Ticket
	now         clock.Instant // the time of this turn
	deadline    clock.Instant
	fromContext bool // the deadline is the context's, not RequestTimeout
	decoded     bool // a wrapped attempt has decoded the reply already
	dice        dice.Dice

	timer clock.Timer
	armed clock.Instant // when the timer fires, 0: not armed
	rang  atomic.Bool   // the timer has fired

	// inline is the connection on which the running goroutine is blocked while
	// parking holds the token of that exchange. Whoever swaps parking decides
	// how the exchange ends: the goroutine itself, or one that interrupts it.
	inline  atomic.Pointer[messages.Conn]
	parking atomic.Uint64
	// cut is the context to cancel instead, if the connection is a parallel one.
	cut atomic.Pointer[bounded]

	// toLead is the connection that this call has promised to lead, and lead the
	// token for it (see [transport.Led]), 0: none. leading is the connection that
	// the running goroutine reads now.
	toLead  *messages.Conn
	lead    uint64
	leading atomic.Pointer[messages.Conn]

	// seen is written by the running goroutine and read by the inspector.
	seen watched

	// turns and done are used by a desk with a scheduler, see [Desk.Start].
	turns func()
	done  func(error)

	ref   messages.Ref[messages.SupervisorMessage]
	begin messages.Begin
	try   messages.Try
	ring  messages.Tick
}

// Values of parking that are not the token of an exchange.
const (
	notParked   = 0
	interrupted = 1
)

// watched is what the inspector reads of a live cell. A pointer is stored only
// if it has changed, which it rarely does from one call to the next: a pointer
// store has a write barrier and is expensive here.
type watched struct {
	plan  atomic.Pointer[Plan]
	shown // the place is the stage of a call that has no live attempt
}

// Stages of a call without a live attempt.
const (
	inPick    uint32 = iota // choosing a node
	inEncode                // encoding the request
	inLookup                // waiting for the nodes of the service
	inBackoff               // waiting for the backoff to end
)

// claim makes a free cell live. Only the goroutine that took it from the stack
// of free cells may call it.
func (c *cell) claim() { c.ticket = messages.Ticket(c.gen.Add(1)) }

// free makes the cell free again, and disposes of late messages.
func (c *cell) free() {
	c.gen.Add(1)
	if c.mail.some.Load() {
		c.expel()
	}
}

func (c *cell) resolve() messages.Resolve {
	c.seen.enter(inLookup)
	return messages.Resolve{Ticket: c.ticket, ReplyTo: c.ref}
}

// cancelled reports whether the caller or a closing client has cancelled the
// call.
func (c *cell) cancelled() bool {
	return c.sup.fatal != nil || errors.Is(c.ctx.Err(), context.Canceled)
}

// open begins a call in a claimed cell.
func (c *cell) open(ctx context.Context, p *Plan, x Exchange) {
	c.ctx, c.plan, c.exchange = ctx, p, x
	c.now = c.desk.Clock.Now()
	c.deadline, c.fromContext, c.decoded = 0, false, false
	if t, ok := ctx.Deadline(); ok {
		c.deadline, c.fromContext = max(c.desk.Clock.Instant(t), 1), true
	} else if p.Timeout > 0 {
		c.deadline = c.now.Add(p.Timeout)
	}
	c.sup.reset()
	c.seen.begin(c.now, inEncode)
	if c.seen.plan.Load() != p {
		c.seen.plan.Store(p)
	}
	brief, err := c.encode()
	if err != nil {
		c.sup.refuse(err)
		return
	}
	c.seen.enter(inPick)
	if !brief {
		c.now = c.desk.Clock.Now()
	}
	c.tell(toSupervisor, &c.begin)
}

// began returns when the call began.
func (c *cell) began() clock.Instant {
	since, _ := c.seen.at()
	return since
}

// close ends the call, frees the cell and returns the outcome. It decodes the
// winner's reply, once, and then releases its connection.
//
// Decoding is where a call's stack is deepest. What only failures need is kept
// in functions of its own, so that its stack frame does not add to that.
func (c *cell) close() error {
	s := &c.sup
	err := s.err
	if s.won >= 0 {
		a := &c.attempts[s.won]
		if !c.decoded && !c.plan.Stream {
			if err = c.decode(); err != nil {
				c.undecoded(a, err)
			}
		}
		a.release(true)
		a.seen.enter(noAttempt)
	}
	if err != nil {
		err = c.failed(err)
	}
	c.ctx, c.exchange, s.log = nil, nil, nil
	c.free()
	return err
}

// undecoded records that the reply could not be decoded.
//
//go:noinline
func (c *cell) undecoded(a *attempt, err error) {
	s := &c.sup
	s.record(&rpcerr.Attempt{
		Node: a.node.Address, Phase: rpcerr.PhaseDecode, Proof: rpcerr.Executed,
		Start: a.begun.Sub(s.state.began), Duration: c.now.Sub(a.begun), Err: err,
		Decision: "stop: the service answered",
	})
}

// failed counts a failed call and returns its error.
func (c *cell) failed(err error) error {
	c.desk.Counters.Failed.Add(1)
	return &rpcerr.CallError{
		Service: c.plan.Service, Endpoint: c.plan.Endpoint,
		Elapsed: c.desk.Clock.Now().Sub(c.began()), Attempts: c.sup.log, Err: err,
	}
}

// leave ends a call whose goroutine is exiting (runtime.Goexit) and frees the
// cell; there is nobody to return the outcome to.
func (c *cell) leave() {
	s := &c.sup
	if !s.done {
		s.finish(guard.ErrLeft, c.desk.Clock.Now())
	}
	if s.won >= 0 {
		a := &c.attempts[s.won]
		a.release(false)
		a.seen.enter(noAttempt)
	}
	c.mail.forget()
	c.desk.Counters.Failed.Add(1)
	c.ctx, c.exchange, s.log = nil, nil, nil
	c.free()
}
