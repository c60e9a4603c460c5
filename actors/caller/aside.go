// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"context"
	"sync/atomic"
	"time"

	"example.com/mailcall/internal/guard"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// exchangeAside runs the exchange on a goroutine of its own, for a call whose
// attempts may race, or a connection that cannot be interrupted.
func (a *attempt) exchangeAside() {
	j, err := a.aside(a.cell.ctx)
	if err != nil {
		a.unfilled(err)
		return
	}
	a.flying, a.job = true, j
	a.enter(rpcerr.PhaseSend)
	ref, reply := a.ref, messages.Replied{Ticket: a.cell.ticket, Attempt: a.number}
	a.cell.desk.Go(func() {
		reply.Err = guard.ErrLeft
		defer func() {
			reply.Reply, reply.Phase = &j.reply, rpcerr.Phase(j.phase.Load())
			ref.Tell(reply)
		}()
		reply.Err = j.run()
	})
}

// job is an exchange on a goroutine of its own. It shares nothing with the
// cell, which may serve another call before the goroutine has noticed.
type job struct {
	conn    *messages.Conn
	request transport.Message
	reply   transport.Message
	bound   time.Time
	phase   atomic.Uint32
	stream  bool // there is no reply to wait for

	// ctx and cancel are for a parallel connection.
	ctx    context.Context //nolint:containedctx // the job lives as long
	cancel context.CancelFunc
}

func (a *attempt) aside(ctx context.Context) (*job, error) {
	j := &job{conn: a.conn, stream: a.cell.plan.Stream}
	j.phase.Store(uint32(rpcerr.PhaseSend))
	if err := a.fill(ctx, &j.request); err != nil {
		return nil, err
	}
	a.cell.exchange.Keep()
	j.request.Loan = nil
	if a.bound != 0 {
		j.bound = a.cell.desk.Clock.Time(a.bound)
	}
	if a.conn.Parallel != nil {
		j.ctx, j.cancel = context.WithCancel(ctx)
	}
	return j, nil
}

func (j *job) run() (err error) {
	defer guard.Catch("transport", &err)
	if j.conn.Parallel != nil {
		defer j.cancel()
		j.phase.Store(uint32(rpcerr.PhaseWait))
		return j.conn.Parallel.Exchange(j.ctx, j.bound, &j.request, &j.reply)
	}
	if j.conn.Exclusive != nil {
		//nolint:forbidigo // the call may be over before the job: it is interrupted, not cancelled
		j.conn.Exclusive.Bind(context.Background(), j.bound)
	}
	if trip := j.conn.RoundTripper; trip != nil && !j.stream {
		return trip.RoundTrip(&j.request, &j.reply, j)
	}
	if err := j.conn.Send(&j.request); err != nil || j.stream {
		return err
	}
	j.Sent()
	return j.conn.Recv(&j.reply)
}

// Sent implements [transport.Progress].
func (j *job) Sent() { j.phase.Store(uint32(rpcerr.PhaseWait)) }
