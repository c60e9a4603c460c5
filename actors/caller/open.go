// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"context"
	"fmt"
	"time"

	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// Opening a stream is a call: it picks a node, gets a connection, sends the
// opening request, and retries as long as nothing was sent. Its result is the
// connection instead of a reply.

// Open opens a stream. ctx bounds the whole stream; the plan's Timeout bounds
// the opening only. The error is a [*rpcerr.CallError].
func (d *Desk) Open(ctx context.Context, p *Plan, x Exchange) (o messages.Opened, err error) {
	c, err := d.take()
	if err != nil {
		return o, refused(p, err)
	}
	defer d.left(c, c.ticket)
	c.open(ctx, p, x)
	c.run() //nolint:contextcheck // the cell holds it
	for !c.sup.done {
		c.park()
		c.run() //nolint:contextcheck // the cell holds it
	}
	o = c.opened()
	err = c.close()
	d.give(c)
	return o, err
}

// opened moves what the winning attempt has opened out of the cell.
func (c *cell) opened() (o messages.Opened) {
	if c.sup.won < 0 {
		return o
	}
	a := &c.attempts[c.sup.won]
	o = messages.Opened{Service: c.sup.service, Node: a.node, Conn: a.conn, Stream: a.stream, Header: a.request.Header.Clone()}
	a.handBack()
	a.node.Streams.Add(1)
	a.conn, a.stream, a.holding = nil, nil, false
	return o
}

// openStream sends the opening request.
func (a *attempt) openStream() {
	switch {
	case a.conn.Streamer != nil:
		a.answered(a.openNative(a.cell.ctx))
	case a.conn.Shared != nil:
		a.enter(rpcerr.PhaseSend)
		err := fmt.Errorf("%w: transport %s has no streams", rpcerr.ErrNotImplemented, a.node.Transport)
		a.release(true)
		a.end(rpcerr.NotSent, true, err)
	case a.conn.Exclusive != nil:
		a.answered(a.exchangeInline(a.cell.ctx))
	default:
		a.exchangeAside()
	}
}

// openNative opens a stream on a transport that has streams. The bound of the
// opening ends with it; its context becomes that of the stream.
func (a *attempt) openNative(ctx context.Context) (err error) {
	request := a.borrow()
	if err := a.fill(ctx, request); err != nil {
		return fillError{err}
	}
	c, b := a.cell, a.bounded(ctx)
	a.enter(rpcerr.PhaseSend)
	c.cut.Store(b)
	c.parking.Store(a.token())
	defer func() {
		if err == nil {
			return
		}
		b.cut()
		if a.stream != nil {
			_ = a.stream.Close() // it was interrupted, so nobody will use it
			a.stream = nil
		}
	}()
	defer c.cut.Store(nil)
	defer a.parked(&err)
	if c.mail.some.Load() && c.mustStop() {
		return transport.NotSent(transport.ErrInterrupted)
	}
	c.armInline()
	//nolint:contextcheck // it is made of ctx
	a.stream, err = a.conn.Streamer.Open(b.Context, c.streamBound(), request)
	if err == nil && !b.end.CompareAndSwap(underWay, returned) {
		err = context.Canceled // it was cancelled at the last moment
	}
	return c.cutOff(b, err)
}

// streamBound returns when the whole stream must have ended; the zero time if
// there is no bound.
func (c *cell) streamBound() time.Time {
	if c.plan.StreamTimeout <= 0 {
		return time.Time{}
	}
	return c.desk.Clock.Time(c.sup.state.began.Add(c.plan.StreamTimeout))
}
