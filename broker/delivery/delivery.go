// SPDX-License-Identifier: Apache-2.0

// Package delivery is the subscriber's side of a broker: a bounded queue of events
// and one goroutine that passes them to the handler. All brokers of this
// repository use it and so behave alike; others can too.
package delivery

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"example.com/mailcall/broker"
	"example.com/mailcall/internal/guard"
	"example.com/mailcall/rpcerr"
)

// Inbox is a [broker.Subscription] that gets its events from [Inbox.Offer]. It runs
// one goroutine while events are waiting. Make it with [New]. It is safe for
// concurrent use.
type Inbox struct {
	topic   string
	options broker.SubscribeOptions
	handle  broker.Handler
	onClose func() error
	ctx     context.Context //nolint:containedctx // it is the context of the handler's calls
	cancel  context.CancelFunc
	done    chan struct{}

	mu      sync.Mutex
	waiting []broker.Event
	bytes   int    // of the waiting events
	dropped uint64 // events that were refused because too many were waiting
	running bool   // the goroutine is running
	closed  bool
}

var _ broker.Subscription = (*Inbox)(nil)

// New returns an inbox without events. onClose, which may be nil, is called once,
// by the first Close, to end the supply of events. New returns the error of an
// option, or one that matches [broker.ErrInvalid] for an empty topic or a nil
// handle.
func New(topic string, handle broker.Handler, onClose func() error, opts ...broker.SubscribeOption) (*Inbox, error) {
	if topic == "" {
		return nil, fmt.Errorf("%w: no topic to subscribe to", broker.ErrInvalid)
	}
	if handle == nil {
		return nil, fmt.Errorf("%w: no handler for topic %q", broker.ErrInvalid, topic)
	}
	o, err := broker.NewSubscribeOptions(opts...)
	if err != nil {
		return nil, err
	}
	i := &Inbox{topic: topic, options: o, handle: handle, onClose: onClose, done: make(chan struct{})}
	//nolint:forbidigo // a subscription outlives the call that made it; Close ends it
	i.ctx, i.cancel = context.WithCancel(context.Background())
	return i, nil
}

// Topic implements [broker.Subscription].
func (i *Inbox) Topic() string { return i.topic }

// Queue implements [broker.Subscription].
func (i *Inbox) Queue() string { return i.options.Queue }

// Dropped implements [broker.Subscription].
func (i *Inbox) Dropped() uint64 {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.dropped
}

// Done implements [broker.Subscription].
func (i *Inbox) Done() <-chan struct{} { return i.done }

// Offer gives e to the subscription, which owns it from then on. It does not block.
// The error matches [broker.ErrFull] if too many events are waiting, which has then
// been counted and reported, and [broker.ErrClosed] after Close.
func (i *Inbox) Offer(e broker.Event) error {
	i.mu.Lock()
	if i.closed {
		i.mu.Unlock()
		return fmt.Errorf("topic %q: the subscription: %w", i.topic, broker.ErrClosed)
	}
	size := weight(&e)
	full := len(i.waiting) >= i.options.Waiting ||
		len(i.waiting) > 0 && size > i.options.WaitingBytes-i.bytes
	if full {
		err := fmt.Errorf("topic %q: %w: %d events, %d bytes", i.topic, broker.ErrFull, len(i.waiting), i.bytes)
		i.dropped++
		i.mu.Unlock()
		i.tell(e, err)
		return err
	}
	i.waiting = append(i.waiting, e)
	i.bytes += size
	if !i.running {
		i.running = true
		go i.run()
	}
	i.mu.Unlock()
	return nil
}

// weight returns how many bytes an event counts for.
func weight(e *broker.Event) int {
	n := len(e.Message.Body)
	for name, value := range e.Message.Header {
		n += len(name) + len(value)
	}
	return n
}

// Close implements [broker.Subscription].
func (i *Inbox) Close() error {
	i.mu.Lock()
	if i.closed {
		i.mu.Unlock()
		return nil
	}
	i.closed = true
	i.waiting, i.bytes = nil, 0
	if !i.running {
		close(i.done)
	}
	i.mu.Unlock()
	i.cancel()
	if i.onClose != nil {
		return i.onClose()
	}
	return nil
}

// run passes the waiting events to the handler until there are none.
func (i *Inbox) run() {
	var e broker.Event
	ok := true
	defer func() {
		if ok { // the handler has ended the goroutine, but not the subscription
			go i.run()
			i.tell(e, guard.ErrLeft)
		}
	}()
	for {
		if e, ok = i.next(); !ok {
			return
		}
		if err := i.call(e); err != nil {
			i.tell(e, err)
		}
	}
}

// next takes the first waiting event. If there is none, the goroutine must end.
func (i *Inbox) next() (e broker.Event, ok bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.waiting) == 0 {
		i.running = false
		i.waiting = nil // release the memory that a burst has needed
		if i.closed {
			close(i.done)
		}
		return broker.Event{}, false
	}
	e = i.waiting[0]
	i.waiting[0] = broker.Event{}
	i.waiting = i.waiting[1:]
	i.bytes -= weight(&e)
	return e, true
}

func (i *Inbox) call(e broker.Event) (err error) {
	defer contain(&err)
	return i.handle(i.ctx, e)
}

func (i *Inbox) tell(e broker.Event, err error) {
	if i.options.OnError == nil {
		return
	}
	defer contain(new(error))
	i.options.OnError(e, err)
}

// contain is deferred around user code.
func contain(err *error) {
	r := recover()
	if r == nil {
		return
	}
	cause, ok := r.(error)
	if !ok {
		cause = errors.New(fmt.Sprint(r))
	}
	*err = fmt.Errorf("%w: %w\n%s", rpcerr.ErrPanic, cause, debug.Stack())
}
