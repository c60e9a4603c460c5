// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/frame"
	"example.com/mailcall/transport/tcp/internal/session"
)

// flow is an exchange with messages in both directions, at the client or the server.
type flow struct {
	line   *line
	ctx    context.Context //nolint:containedctx // the stream ends with it
	cancel context.CancelFunc

	readable, writable chan struct{} // capacity 1

	// Guarded by the line's lock.
	st      session.Stream
	queue   []parcel
	next    int // index in queue of the next message to receive
	ended   bool
	broken  error
	trailer transport.Header
	streak  int // messages sent since one was received

	// Used only by Recv.
	room []byte // for the body that the last Recv returned
	dry  bool   // the queue was empty after the last Recv, so the next one waits for a signal first
}

// parcel is a received message that was not read yet.
type parcel struct {
	header transport.Header
	block  *frame.Block // to make header from, nil if it has been made
	body   []byte
	loan   transport.Loan
	cost   int64
}

func (f *flow) init(ctx context.Context, l *line) {
	f.line, f.ctx = l, ctx
	f.readable, f.writable = make(chan struct{}, 1), make(chan struct{}, 1)
	f.st.Owner = f
}

func flowOf(st *session.Stream) *flow {
	f, _ := st.Owner.(*flow)
	return f
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// item queues a received message. The receiver is woken when the line's lock has been
// released, since it needs that lock.
func (f *flow) item(it session.Item, in *intake) {
	p := parcel{body: it.Body, cost: it.Cost}
	var made bool
	if p.header, made = it.Block.Made(); !made {
		block := it.Block
		p.block = &block
	}
	if !it.Owned {
		if p.loan = in.lend(); p.loan == nil {
			p.body = append([]byte(nil), it.Body...)
		}
	}
	if f.next == len(f.queue) {
		f.queue, f.next = f.queue[:0], 0
	}
	f.queue = append(f.queue, p)
	if it.End {
		f.ended = true
	}
	f.line.arrived = append(f.line.arrived, f)
}

// finish records the end of the peer's direction.
func (f *flow) finish(trailer transport.Header) {
	f.ended, f.trailer = true, trailer
	signal(f.readable)
	signal(f.writable)
}

// breakOff ends both directions.
func (f *flow) breakOff(err error) {
	if f.broken == nil {
		f.broken = err
	}
	f.dispose()
	signal(f.readable)
	signal(f.writable)
	f.line.side.wake()
}

// dispose drops the messages that will not be read.
func (f *flow) dispose() {
	for ; f.next < len(f.queue); f.next++ {
		if p := &f.queue[f.next]; p.loan != nil {
			p.loan.Return()
		}
		f.queue[f.next] = parcel{}
	}
	f.line.link.Release(&f.st)
}

// recv receives the next message. A body on loan is copied, because a receiver that
// does not call Recv again would not return the loan.
func (f *flow) recv(m *transport.Message) error {
	l := f.line
	if f.dry {
		f.line.side.await(f)
		f.dry = false
	}
	l.mu.Lock()
	for {
		switch {
		case f.next < len(f.queue):
			p := f.queue[f.next]
			f.queue[f.next] = parcel{}
			f.next++
			f.streak = 0
			l.link.Consumed(&f.st, p.cost)
			f.dry = f.next == len(f.queue) && !f.ended && f.broken == nil && f.ctx.Err() == nil
			l.unlockAndFlush()
			if p.loan != nil {
				f.room = append(f.room[:0], p.body...)
				p.body = f.room
				p.loan.Return()
			}
			if p.block != nil {
				p.header = p.block.Header()
			}
			*m = transport.Message{Header: p.header, Body: p.body}
			return nil
		case f.broken != nil:
			err := f.broken
			l.mu.Unlock()
			return err
		case f.ended:
			l.mu.Unlock()
			return io.EOF
		case f.ctx.Err() != nil: // after the queued messages
			l.mu.Unlock()
			return f.expired()
		}
		l.mu.Unlock()
		l.side.await(f)
		l.mu.Lock()
	}
}

// chatty is the number of messages sent in a row, without one from the peer, after which
// a sender is expected to send more at once.
const chatty = 2

// send writes a message, and if end is true the end of this direction.
func (f *flow) send(m *transport.Message, end bool) error {
	s := session.Sending{Message: m, End: end}
	l := f.line
	for {
		l.mu.Lock()
		switch {
		case f.broken != nil:
			err := f.broken
			l.mu.Unlock()
			return err
		case f.st.Over():
			l.mu.Unlock()
			return io.EOF
		}
		done, err := l.link.Send(&f.st, &s, l.config.queue/queueShare)
		if !done && err == nil {
			l.starved = append(l.starved, f)
		}
		if f.streak++; f.streak > chatty && done && err == nil && !end {
			l.unlockAndFlushSoon()
		} else {
			l.unlockAndFlush()
		}
		switch {
		case err != nil:
			return fmt.Errorf("tcp transport: %s: %w", l.address, err)
		case done:
			return nil
		}
		select {
		case <-f.writable:
		case <-f.ctx.Done():
			return f.expired()
		}
	}
}

// expired returns the error of a stream whose context has ended.
func (f *flow) expired() error {
	err := f.ctx.Err()
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w: %w", os.ErrDeadlineExceeded, err)
	}
	return fmt.Errorf("tcp transport: %s: stream: %w", f.line.address, err)
}
