// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"context"
	"errors"
	"sync/atomic"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/dice"
	"example.com/mailcall/internal/guard"
	"example.com/mailcall/internal/planted"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
)

// cell is the recycled memory of one call: its supervisor, its attempts and
// their mailbox. The actors in it have permanent addresses; which call they
// serve is told by the ticket, which changes with every call.
//
// Exactly one goroutine runs a live cell: the one that waits for the call. A
// turn is short; only an attempt on an exclusive connection parks inside its
// turn, in the network poller, and is interrupted there by mail that cannot
// wait.
type cell struct {
	desk *Desk
	slot uint32 // among the free cells
	// gen is odd while the cell is live, and is its ticket then.
	gen  atomic.Uint64
	wake chan struct{}
	mail mailbox

	sup      supervisor
	attempts [slots]attempt

	// The call. Only the goroutine that runs the cell touches these.
	ctx         context.Context //nolint:containedctx // the cell is the call; it lets go of it when the call ends
	plan        *Plan
	exchange    Exchange
	ticket      messages.Ticket
	now         clock.Instant // the time of this turn
	deadline    clock.Instant
	fromContext bool // the deadline is the caller's own
	decoded     bool // by a wrapped attempt
	dice        dice.Dice

	timer clock.Timer
	armed clock.Instant // when the timer fires, 0: not armed
	rang  atomic.Bool   // it fired

	// inline is the connection on which the running goroutine is parked, while
	// parking names that exchange. Whoever changes parking decides how the
	// exchange ends: the goroutine itself, or one that interrupts it.
	inline  atomic.Pointer[messages.Conn]
	parking atomic.Uint64
	// cut is what to interrupt in place of inline, for a parallel connection.
	cut atomic.Pointer[bounded]

	// toLead is the connection that this call has said it will lead, and lead what
	// that is called there (see [transport.Led]), 0: none. leading is the one that
	// the running goroutine reads now.
	toLead  *messages.Conn
	lead    uint64
	leading atomic.Pointer[messages.Conn]

	// For those who look: written by the running goroutine.
	seen watched

	// turns and done are for a desk with a scheduler, see [Desk.Start].
	turns func()
	done  func(error)

	ref   messages.Ref[messages.SupervisorMessage]
	begin messages.Begin
	try   messages.Try
	ring  messages.Tick
}

// Values of parking that are no exchange.
const (
	notParked   = 0
	interrupted = 1
)

// watched is what the inspector reads of a live cell. Pointers are stored only
// when they change: from one call to the next they mostly do not, and a store
// that the collector must see is dear.
type watched struct {
	plan  atomic.Pointer[Plan]
	shown // its place is a stage, where the call is while it has no attempt
}

// Stages of a call between its attempts.
const (
	inPick    uint32 = iota // it chooses a node
	inEncode                // its request is being written
	inLookup                // it waits for the nodes of its service
	inBackoff               // it waits out a backoff
)

// claim makes a free cell live. Only who took it from the stack of free ones
// may do so.
func (c *cell) claim() { c.ticket = messages.Ticket(c.gen.Add(1)) }

// free ends the life of a cell. Mail that came too late is disposed of.
func (c *cell) free() {
	c.gen.Add(1)
	if c.mail.some.Load() {
		c.expel()
	}
}

// expel disposes of all letters that are for an earlier life of the cell.
func (c *cell) expel() {
	now := messages.Ticket(c.gen.Load())
	for _, l := range c.mail.take(func(l letter) bool { return l.ticket != now }) {
		c.late(l.body)
	}
}

// late disposes of a message for a call that is over. What must not get lost
// with it is a connection, or a token of the budget.
func (c *cell) late(body any) {
	c.desk.Counters.Late.Add(1)
	switch m := body.(type) {
	case messages.Leased:
		if m.Conn != nil && m.Conn.Shared == nil && !planted.LeaseNotReturned {
			m.Conn.Pool.Keeper.Tell(messages.Released{Conn: m.Conn})
		}
	case messages.Judged:
		c.refund(m)
	}
}

// refund gives back what the budget has paid for an attempt that is not made.
func (c *cell) refund(m messages.Judged) {
	if m.Spent != nil {
		c.desk.Retrier.Tell(messages.Refund{Service: m.Spent})
	}
}

// post takes mail from outside. A letter whose ticket is not that of the live
// call is late; the check is repeated after the letter is in the box, so that
// no letter stays behind in a cell that is freed at this moment.
func (c *cell) post(to int, ticket messages.Ticket, body any) {
	if planted.LateReplyDecoded {
		if _, ok := body.(messages.Replied); ok {
			ticket = messages.Ticket(c.gen.Load())
		}
	}
	if messages.Ticket(c.gen.Load()) != ticket {
		c.late(body)
		return
	}
	c.mail.post(letter{to: to, ticket: ticket, body: body})
	if messages.Ticket(c.gen.Load()) != ticket {
		c.expel()
		return
	}
	if _, urgent := body.(messages.Cancel); urgent {
		c.interrupt(ticket)
	}
	c.rouse()
}

// interrupt ends the exchange on which the call is parked, if it is. That the
// word did not change says that the connection did not either.
func (c *cell) interrupt(ticket messages.Ticket) {
	word := c.parking.Load()
	conn, cut := c.inline.Load(), c.cut.Load()
	if word>>tokenBits != uint64(ticket) || !c.parking.CompareAndSwap(word, interrupted) {
		return
	}
	if cut != nil {
		cut.cut()
		return
	}
	conn.Interrupt()
}

// rouse wakes whoever runs the cell.
func (c *cell) rouse() {
	c.wakeUp()
	c.nudge(nil)
}

// nudge has whoever runs the cell look up from a connection that it reads, but
// for the one that it has just read something from.
func (c *cell) nudge(but *messages.Conn) {
	if conn := c.leading.Load(); conn != nil && conn != but {
		conn.Nudge()
	}
}

func (c *cell) wakeUp() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
	if c.desk.Schedule != nil {
		c.desk.Schedule(c.turns)
	}
}

// tell is for the actors of the cell among themselves.
func (c *cell) tell(to int, body any) { c.mail.put(to, body) }

// run takes turns until there is nothing left to do. The timer waits for what
// the actors have told each other: an attempt that ran into its bound by
// itself has said so already, and must not be ended once more.
func (c *cell) run() {
	for !c.sup.done {
		if c.rang.Load() && !c.mail.within() {
			c.rang.Store(false)
			c.armed = 0
			c.sup.receive(&c.ring)
			continue
		}
		l, ok := c.mail.next()
		switch {
		case !ok:
			if !c.landed() {
				return
			}
		case l.ticket != 0 && l.ticket != c.ticket:
			c.late(l.body)
		case l.to == toSupervisor:
			if m, ok := l.body.(messages.SupervisorMessage); ok {
				c.sup.receive(m)
			}
		default:
			if m, ok := l.body.(messages.AttemptMessage); ok {
				c.attempts[l.to].receive(m)
			}
		}
	}
}

// landed gives a turn to an attempt whose reply has landed, if there is one.
// One at a time: what it tells the supervisor goes before the other's turn.
func (c *cell) landed() bool {
	for i, live := range c.sup.state.live {
		if a := &c.attempts[i]; live && a.land() {
			a.landed()
			return true
		}
	}
	return false
}

// arm sets the timer for what is due next. A timer that fires earlier than
// needed is left alone: it will find nothing due and be armed again.
func (c *cell) arm() {
	due := c.sup.state.due()
	if due == 0 || c.armed != 0 && c.armed <= due {
		return
	}
	if c.timer == nil {
		c.timer = c.desk.Clock.Timer(c.ringing)
	}
	c.armed = due
	c.timer.Reset(due)
}

func (c *cell) resolve() messages.Resolve {
	c.seen.enter(inLookup)
	return messages.Resolve{Ticket: c.ticket, ReplyTo: c.ref}
}

// cancelled reports whether the caller, or a closing client, gave the call up.
func (c *cell) cancelled() bool {
	return c.sup.fatal != nil || errors.Is(c.ctx.Err(), context.Canceled)
}

// open begins the life of a claimed cell.
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

// began is when the call began.
func (c *cell) began() clock.Instant {
	since, _ := c.seen.at()
	return since
}

// park waits until there is something to do.
func (c *cell) park() {
	c.arm()
	ended := false
	switch done := c.ctx.Done(); {
	case c.desk.Park != nil:
		ended = c.desk.Park(c.wake, done)
	case c.lead != 0 && c.follow():
	case done == nil:
		<-c.wake
	default:
		select {
		case <-c.wake:
		case <-done:
			ended = true
		}
	}
	c.now = c.desk.Clock.Now()
	if ended {
		c.sup.finish(c.sup.contextError(), c.now)
	}
}

// follow reads the connection that the call has begun to lead, until there is
// something to do. It reports whether there is.
func (c *cell) follow() (woken bool) {
	conn, lead := c.toLead, c.lead
	c.toLead, c.lead = nil, 0
	defer func() {
		c.leading.Store(nil)
		if recover() != nil {
			woken = false // the deadline will tell
		}
	}()
	c.leading.Store(conn)
	return conn.Led.Lead(lead, c.wake)
}

// close ends the life of the cell and returns the outcome of the call. The
// winner's reply is decoded here, once, and its connection given back then.
//
// Nothing in a call reaches deeper than decoding does, which ends in the
// allocator: what is done for failures alone lies apart, so that its room on the
// stack is not taken below that.
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

// undecoded records that the answer could not be read.
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

// failed is the outcome of a call that err has ended.
func (c *cell) failed(err error) error {
	c.desk.Counters.Failed.Add(1)
	return &rpcerr.CallError{
		Service: c.plan.Service, Endpoint: c.plan.Endpoint,
		Elapsed: c.desk.Clock.Now().Sub(c.began()), Attempts: c.sup.log, Err: err,
	}
}

// leave ends the life of a cell whose goroutine ends in the middle of the call:
// nobody will hear how it ended.
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
