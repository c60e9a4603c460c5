// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"context"
	"fmt"
	"io"
	"time"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/session"
)

// Refuser is implemented by the exchanges ([transport.Incoming]) of connections with
// mailcall's own protocol.
type Refuser interface {
	// Refuse ends the exchange with a code instead of an answer. Overloaded,
	// ShuttingDown and Unsupported say that nothing of it was executed. retryAfter, in
	// whole milliseconds, is the shortest time to wait before a retry; 0 leaves it
	// open. It does nothing if the exchange has ended, and may be called by any
	// goroutine.
	Refuse(code Code, retryAfter time.Duration, reason string)
}

// incoming is an exchange at the server.
type incoming struct {
	flow
	p       *peer
	opening transport.Header
	unary   bool
	request parcel
	taken   bool
}

var (
	_ transport.Incoming = (*incoming)(nil)
	_ Refuser            = (*incoming)(nil)
)

// newIncoming is called with the lock held.
func newIncoming(p *peer, o *session.Opening) *incoming {
	x := &incoming{p: p, opening: o.Block.Header(), unary: o.Unary}
	ctx := context.Background() //nolint:forbidigo // an exchange ends with its connection, which no context bounds
	if d := timeout(o.Block.Timeout); d > 0 {
		ctx, x.cancel = context.WithTimeout(ctx, d)
	} else {
		ctx, x.cancel = context.WithCancel(ctx)
	}
	x.init(ctx, &p.line)
	if !o.Unary && o.Block.Timeout > 0 {
		context.AfterFunc(ctx, func() { signal(x.readable) })
	}
	if o.Unary {
		x.request = parcel{body: o.Body}
		if !o.Owned {
			if x.request.loan = p.in.lend(); x.request.loan == nil {
				x.request.body = append([]byte(nil), o.Body...)
			}
		}
	}
	return x
}

// timeout converts the timeout of a frame; one that does not fit is none.
func timeout(ns uint64) time.Duration {
	const longest = 1<<63 - 1
	if ns > longest {
		return 0
	}
	return time.Duration(ns)
}

// Opening implements [transport.Incoming].
func (x *incoming) Opening() transport.Header { return x.opening }

// Unary implements [transport.Incoming].
func (x *incoming) Unary() bool { return x.unary }

// Context implements [transport.Incoming].
func (x *incoming) Context() context.Context { return x.ctx }

// Recv implements [transport.Incoming].
func (x *incoming) Recv(m *transport.Message) error {
	if !x.unary {
		return x.recv(m)
	}
	if x.taken {
		return io.EOF
	}
	x.taken = true
	*m = transport.Message{Header: x.opening, Body: x.request.body}
	return nil
}

// Send implements [transport.Incoming]. On a unary exchange it is the answer.
func (x *incoming) Send(m *transport.Message) error {
	if x.unary {
		return x.End(m)
	}
	return x.send(m, false)
}

// End implements [transport.Incoming].
func (x *incoming) End(m *transport.Message) (err error) {
	p, last := x.p, m != nil && !x.unary
	if last {
		err = x.send(m, true) // this ends the stream as well
	}
	p.mu.Lock()
	if !last {
		err = x.finish(m)
	}
	switch {
	case err == nil:
		x.over()
	case x.st.Midway():
		x.reset(session.CodeInternal, errMidway.Error())
	case x.ctx.Err() != nil:
		x.reset(session.CodeDeadline, "the last message could not be sent in time")
	}
	x.free()
	p.unlockAndFlush()
	return err
}

// finish writes the answer, or the end of a stream. It is called with the lock
// held.
func (x *incoming) finish(m *transport.Message) (err error) {
	switch {
	case x.broken != nil:
		err = x.broken
	case x.st.Over():
		return io.EOF
	case x.st.Midway():
		err = errMidway // the rest of the message cannot be sent any more
	case m != nil:
		err = x.p.core.Reply(&x.st, m)
	default:
		err = x.p.core.End(&x.st, nil)
	}
	if err != nil {
		err = fmt.Errorf("tcp transport: client %s: %w", x.p.address, err)
	}
	return err
}

// reset ends the exchange with a reset. It is called with the lock held.
func (x *incoming) reset(code session.Code, reason string) {
	x.p.core.Reset(&x.st, session.Reset{Code: code, Reason: reason})
	x.over()
}

// free returns the memory of the request. It is called with the lock held.
func (x *incoming) free() {
	if x.request.loan != nil {
		x.request.loan.Return()
		x.request = parcel{}
	}
}

// over releases the resources of the exchange. It is called with the lock held.
func (x *incoming) over() {
	x.ended = true
	x.dispose()
	x.cancel()
	signal(x.readable)
}

// Refuse implements [Refuser].
func (x *incoming) Refuse(code Code, retryAfter time.Duration, reason string) {
	p := x.p
	p.mu.Lock()
	p.core.Reset(&x.st, session.Reset{Code: session.Code(code), RetryAfter: uint64(retryAfter / time.Millisecond), Reason: reason})
	x.over()
	x.free()
	p.unlockAndFlush()
}
