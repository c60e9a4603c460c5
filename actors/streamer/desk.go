// SPDX-License-Identifier: Apache-2.0

// Package streamer runs open streams: each has an actor that owns its life, from
// its opening to its end.
//
// A stream is opened by a call, see caller.Desk. After that, messages go directly
// between the user's goroutine and the connection. The actor is told when the
// stream ends, and ends it when its deadline has passed.
package streamer

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/ctxerr"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// Config configures a desk.
type Config struct {
	// System is the actor system; Spawn starts an actor under the client's name.
	System *actor.ActorSystem
	Spawn  func(a actor.Actor, kind string) (*actor.PID, error)
	// Clock is the source of time.
	Clock clock.Clock
	// MaxStreams is how many streams may be open at once.
	MaxStreams int
	// Go runs work that may block, outside of any turn.
	Go func(work func())
	// AfterFunc replaces context.AfterFunc if it is not nil.
	AfterFunc func(ctx context.Context, f func()) (stop func() bool)
}

// Desk opens streams and knows the open ones. It is safe for concurrent use.
type Desk struct {
	Config

	opened atomic.Int64 // how many streams were opened in total
	mu     sync.Mutex   // guards the fields below
	live   map[*Stream]struct{}
	number uint64 // of the last stream that was admitted
	closed bool
	gone   chan struct{} // signalled for each stream that ends after closed is set
}

// NewDesk returns a desk without streams.
func NewDesk(c Config) *Desk {
	if c.AfterFunc == nil {
		c.AfterFunc = context.AfterFunc
	}
	return &Desk{Config: c, live: make(map[*Stream]struct{}), gone: make(chan struct{}, 1)}
}

// Opening says which stream to open, and how.
type Opening struct {
	// Service and Endpoint name what is opened.
	Service, Endpoint string
	// Timeout bounds the whole stream; 0 is no bound.
	Timeout time.Duration
	// HalfCloseWait is how long to wait for a message after CloseSend, on a
	// transport where the service does not say that the stream has ended.
	HalfCloseWait time.Duration
	// Open makes the call that opens the stream. ctx bounds the whole stream.
	Open func(ctx context.Context) (messages.Opened, error)
}

// Open opens a stream, which lasts no longer than ctx. The error is a
// [*rpcerr.CallError].
func (d *Desk) Open(ctx context.Context, o Opening) (*Stream, error) {
	inner, cancel := context.WithCancelCause(ctx)
	s := &Stream{desk: d, opening: o, ctx: inner, cancel: cancel, began: d.Clock.Now()}
	if err := d.admit(s); err != nil {
		cancel(nil)
		return nil, &rpcerr.CallError{Service: o.Service, Endpoint: o.Endpoint, Err: err}
	}
	begun := false
	defer func() {
		if !begun { // also if user code has ended the goroutine
			cancel(nil)
			d.remove(s)
		}
	}()
	opened, err := o.Open(inner)
	if err == nil {
		err = s.begin(ctx, opened)
	}
	if err != nil {
		return nil, err
	}
	begun = true
	return s, nil
}

// begin starts the actor of a stream that has been opened.
func (s *Stream) begin(ctx context.Context, opened messages.Opened) error {
	d := s.desk
	s.opened, s.wire = opened, opened.Stream
	a := &streamActor{Stream: s}
	s.until = s.bound(ctx)
	a.state.deadline = s.until
	if s.wire == nil {
		s.wire = s.lend(s.until)
	}
	number := d.opened.Add(1)
	pid, err := d.Spawn(a, "stream-"+strconv.FormatInt(number, 10))
	if err != nil {
		a.state.cancelled(err)
		a.finish(nothing)
		return err
	}
	s.ref = messages.NewRef[messages.StreamMessage](d.System, pid)
	//nolint:contextcheck // s.ctx is made of ctx
	d.AfterFunc(s.ctx, func() { s.post(s.ref, messages.CancelStream{Err: ctxerr.Ended(s.ctx)}) })
	s.mu.Lock()
	s.ready = true
	s.mu.Unlock()
	return nil
}

// bound returns when the stream must have ended, 0 if there is no bound.
func (s *Stream) bound(ctx context.Context) (at clock.Instant) {
	if s.opening.Timeout > 0 {
		at = s.began.Add(s.opening.Timeout)
	}
	if t, ok := ctx.Deadline(); ok {
		if own := max(s.desk.Clock.Instant(t), 1); at == 0 || own < at {
			at, s.fromContext = own, true
		}
	}
	return at
}

// lend returns a stream that runs on the connection.
func (s *Stream) lend(bound clock.Instant) transport.Stream {
	c := s.desk.Clock
	if e := s.opened.Conn.Exclusive; e != nil {
		var at time.Time
		if bound != 0 {
			at = c.Time(bound)
		}
		e.Bind(s.ctx, at)
	}
	return &connStream{
		conn: s.opened.Conn, header: s.opened.Header, clock: c, aside: s.desk.Go,
		halfCloseWait: s.opening.HalfCloseWait,
	}
}

func (d *Desk) admit(s *Stream) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closed:
		return fmt.Errorf("%w: no stream is opened any more", rpcerr.ErrClosed)
	case len(d.live) >= d.MaxStreams:
		return fmt.Errorf("%w: %d streams are open (MaxStreams)", rpcerr.ErrOverloaded, len(d.live))
	}
	d.number++
	s.number = d.number
	d.live[s] = struct{}{}
	return nil
}

func (d *Desk) remove(s *Stream) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.live, s)
	if d.closed {
		select {
		case d.gone <- struct{}{}:
		default:
		}
	}
}

// Live returns how many streams are open or being opened.
func (d *Desk) Live() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.live)
}

// streams returns the live streams, oldest first.
func (d *Desk) streams() []*Stream {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := make([]*Stream, 0, len(d.live))
	for s := range d.live {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *Stream) int { return cmp.Compare(a.number, b.number) })
	return all
}
