// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"fmt"

	"example.com/mailcall/internal/planted"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
)

// try takes a connection from the node's pool, or asks the keeper for one.
func (a *attempt) try() {
	if pool := a.node.Pool(); pool != nil {
		if conn := a.take(pool); conn != nil {
			a.conn = conn
			a.exchange()
			return
		}
	}
	a.ask(nil)
}

// take returns an available connection, or nil. A stream uses a shared one or
// has its own dialled; it never takes an idle one that calls have used.
func (a *attempt) take(pool *messages.Pool) *messages.Conn {
	plan := a.cell.plan
	a.pooled = !plan.Stream && !plan.Wrapped && plan.HedgeAfter == 0
	switch {
	case plan.Stream:
		return pool.ReadyShared()
	case a.pooled:
		return pool.TakeUnseen(a.begun)
	default:
		return pool.Take(a.begun)
	}
}

// ask asks the keeper for a connection; full, if not nil, is a shared one that
// has no room.
func (a *attempt) ask(full *messages.Conn) {
	m := messages.Acquire{Ticket: a.cell.ticket, Attempt: a.number, Deadline: a.bound, ReplyTo: a.ref, Full: full, Fresh: a.cell.plan.Stream}
	a.enter(rpcerr.PhaseDial)
	if pool := a.node.Pool(); pool != nil {
		pool.Keeper.Tell(m)
		if pool.Gone() { // the node was removed after it was picked
			a.leased(messages.Leased{Ticket: m.Ticket, Attempt: m.Attempt, Phase: rpcerr.PhaseAcquire, Err: pool.Removed()})
		}
		return
	}
	a.cell.desk.Root.Tell(messages.OpenPool{Node: a.node, Acquire: m})
}

func (a *attempt) leased(m messages.Leased) {
	if m.Attempt != a.number || a.conn != nil || !a.holding {
		a.cell.late(m) // for an earlier attempt that stopped waiting
		return
	}
	if m.Err != nil {
		a.enter(m.Phase)
		a.end(rpcerr.NotSent, false, m.Err)
		return
	}
	a.conn, a.pooled = m.Conn, false
	a.exchange()
}

// passOver drops an idle connection that has turned out to be dead, and takes the
// next one. One that the keeper has leased is not passed over: a server that closes
// every connection would be dialled for ever.
func (a *attempt) passOver() {
	a.drop()
	a.cell.tell(a.slot, &a.cell.try)
}

// crowdedOut asks for another connection because the shared one is full.
func (a *attempt) crowdedOut() {
	full := a.conn
	a.conn, a.reply = nil, nil
	a.ask(full)
}

// release returns the connection to its pool: for reuse if the exchange was
// completed, else to be closed.
func (a *attempt) release(complete bool) {
	c := a.conn
	if c == nil {
		return
	}
	a.conn, a.reply = nil, nil
	a.replySlot.clear()
	if c.Shared != nil {
		if !c.Ready(0) {
			c.Pool.Keeper.Tell(messages.Dropped{Conn: c})
		}
		return
	}
	if !complete || a.cell.plan.Close || !c.Ready(0) {
		c.Pool.Keeper.Tell(messages.Dropped{Conn: c})
		return
	}
	if back := c.Pool.Put(c, a.cell.now); back != nil {
		back.Pool.Keeper.Tell(messages.Released{Conn: back})
	}
}

func (a *attempt) drop() {
	if a.conn.Shared != nil {
		a.release(false)
		return
	}
	if !planted.LeaseNotReturned {
		a.conn.Pool.Keeper.Tell(messages.Dropped{Conn: a.conn})
	}
	a.conn, a.reply = nil, nil
}

// withdraw stops waiting for a connection, and sets the phase to what the
// attempt was waiting for.
func (a *attempt) withdraw() {
	a.phase = rpcerr.PhaseDial
	pool := a.node.Pool()
	if pool == nil {
		return
	}
	a.phase = missed(&pool.Stats)
	if !planted.LeaseNotReturned {
		pool.Keeper.Tell(messages.Withdraw{Ticket: a.cell.ticket, Attempt: a.number, ReplyTo: a.ref})
	}
}

// missed returns the phase of an attempt that stops waiting for a connection:
// PhaseAcquire if the pool was full, else PhaseDial. That no dial is running
// does not prove that the pool is full: DialTimeout may equal AttemptTimeout,
// and then the dial has just failed and its error is on the way.
func missed(pool *messages.PoolStats) rpcerr.Phase {
	if pool.Dialing.Load() == 0 && pool.Open.Load() >= pool.Max.Load() {
		return rpcerr.PhaseAcquire
	}
	return rpcerr.PhaseDial
}

// dialStep returns what the attempt was waiting for instead of a connection, as part
// of an error: that one of a full pool is returned, or what the dial was doing. The
// dial has a bound of its own, which may be as long as the attempt's, so its own error
// may come too late.
func (a *attempt) dialStep() string {
	pool := a.node.Pool()
	if pool == nil {
		return ""
	}
	if missed(&pool.Stats) == rpcerr.PhaseAcquire {
		return fmt.Sprintf(", while all %d connections were in use (PoolMax)", pool.Stats.Max.Load())
	}
	if doing := pool.DialStep(); doing != "" {
		return ", while " + doing
	}
	return ""
}
