// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/dice"
	"example.com/mailcall/internal/lifo"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"

	"github.com/asynkron/protoactor-go/actor"
)

// Config configures a desk.
type Config struct {
	// System is where the actors are registered, below Name.
	System *actor.ActorSystem
	Name   string
	// Clock and Dice are the sources of time and of random numbers.
	Clock clock.Clock
	Dice  *dice.Source
	// Root and Retrier are the actors that supervisors and attempts ask.
	Root    messages.Ref[messages.RootMessage]
	Retrier messages.Ref[messages.RetrierMessage]
	// Directory is published by the root.
	Directory *messages.Directory
	// MaxCalls is how many calls may be in flight at once.
	MaxCalls int
	// Go runs work that may block, outside of any turn.
	Go func(work func())
	// Schedule, if not nil, runs the turns of a cell instead of a goroutine that
	// waits for the call; calls are then made with Start.
	Schedule func(turns func())
	// Park, if not nil, replaces the wait of [Desk.Do] and [Desk.Open]: it
	// returns once it has received from wake, or, with true, once done is
	// closed. A desk with a scheduler needs it for those two methods.
	Park func(wake, done <-chan struct{}) (ended bool)
}

// Counters count what happened since the desk was made.
type Counters struct {
	// Calls that failed, retries and hedges that were started, and messages
	// that arrived for a call that had ended.
	Failed, Retries, Hedges, Late atomic.Int64
}

// Desk makes calls. It is safe for concurrent use.
type Desk struct {
	Config
	// Counters are for reading only.
	Counters Counters

	cells  atomic.Pointer[[]*cell] // append only
	grow   sync.Mutex
	closed atomic.Bool
	freed  chan struct{} // signalled for each cell that is freed after closed

	requests sync.Pool // of *transport.Message, see attempt.borrow

	_    [64]byte         // separates what every call reads from what it writes
	free lifo.Stack[cell] // the cells that serve no call
	_    [64]byte
}

// blockSize is how many cells are allocated together.
const blockSize = 16

// NewDesk returns a desk without cells; they are allocated as needed.
func NewDesk(c Config) *Desk {
	d := &Desk{Config: c, freed: make(chan struct{}, 1)}
	d.cells.Store(new([]*cell))
	d.requests.New = func() any { return new(transport.Message) }
	return d
}

// Do makes a call on the caller's goroutine and returns its outcome: nil or a
// [*rpcerr.CallError].
func (d *Desk) Do(ctx context.Context, p *Plan, x Exchange) error {
	c, err := d.take()
	if err != nil {
		return refused(p, err)
	}
	defer d.left(c, c.ticket)
	c.open(ctx, p, x)
	c.run() //nolint:contextcheck // the cell holds it
	for !c.sup.done {
		c.park()
		c.run() //nolint:contextcheck // the cell holds it
	}
	err = c.close()
	d.give(c)
	return err
}

// left ends the call with this ticket if it is still live: then user code has
// ended its goroutine (runtime.Goexit).
func (d *Desk) left(c *cell, ticket messages.Ticket) {
	if messages.Ticket(c.gen.Load()) == ticket {
		c.leave()
		d.give(c)
	}
}

// Start makes a call whose turns the desk's scheduler runs; the scheduler also
// calls done with the outcome. The call uses the values, deadline and error of
// ctx but does not wait for it to be done: use cancel to end the call.
func (d *Desk) Start(ctx context.Context, p *Plan, x Exchange, done func(error)) (cancel func(error)) {
	c, err := d.take()
	if err != nil {
		done(refused(p, err))
		return func(error) {}
	}
	c.open(ctx, p, x)
	c.done = done
	d.Schedule(c.turns)
	ticket := c.ticket
	return func(err error) {
		c.post(toSupervisor, ticket, messages.Cancel{Ticket: ticket, Err: err})
	}
}

// step is what a scheduler runs: it takes all turns that are due, and then ends
// the call or arms the timer.
func (c *cell) step() {
	if c.gen.Load()%2 == 0 || c.done == nil {
		return // the call is over, or a goroutine waits for it and takes the turns
	}
	c.now = c.desk.Clock.Now()
	c.run()
	if !c.sup.done {
		c.arm()
		return
	}
	done := c.done
	c.done = nil
	err := c.close()
	c.desk.give(c)
	done(err)
}

func refused(p *Plan, err error) error {
	return &rpcerr.CallError{Service: p.Service, Endpoint: p.Endpoint, Err: err}
}

// find returns the service of a plan from the root's directory, or nil.
func (d *Desk) find(p *Plan) *messages.Service {
	if s := p.service.Load(); s != nil && !s.Gone() {
		return s
	}
	s := d.Directory.Find(p.Key)
	if s != nil {
		p.service.Store(s)
	}
	return s
}

// take claims the most recently freed cell, or a new one. Whether the desk is
// closed is checked first, so that calls to a closed client do not disturb
// Vacate, and again after the claim, for calls that race with Close.
func (d *Desk) take() (*cell, error) {
	if d.closed.Load() {
		return nil, errClosed()
	}
	c := d.free.Pop()
	if c == nil {
		var err error
		if c, err = d.another(); err != nil {
			return nil, err
		}
	}
	c.claim()
	if d.closed.Load() {
		c.free()
		d.give(c)
		return nil, errClosed()
	}
	return c, nil
}

func errClosed() error { return fmt.Errorf("%w: no call is accepted any more", rpcerr.ErrClosed) }

func (d *Desk) give(c *cell) {
	d.free.Push(c.slot)
	if d.closed.Load() {
		select {
		case d.freed <- struct{}{}:
		default:
		}
	}
}

// another allocates a block of cells and returns the first of them, or a free
// one that another goroutine has added or freed meanwhile.
func (d *Desk) another() (*cell, error) {
	d.grow.Lock()
	defer d.grow.Unlock()
	if c := d.free.Pop(); c != nil {
		return c, nil
	}
	if d.closed.Load() { // Vacate may be over
		return nil, errClosed()
	}
	cells := *d.cells.Load()
	size := min(blockSize, d.MaxCalls-len(cells))
	if size <= 0 {
		return nil, fmt.Errorf("%w: %d calls are in flight (MaxCalls)", rpcerr.ErrOverloaded, len(cells))
	}
	block := make([]cell, size)
	longer := cells // readers of the shorter list do not look beyond its end
	for i := range block {
		block[i].init(d, len(longer))
		longer = append(longer, &block[i])
	}
	d.cells.Store(&longer)
	for i := size - 1; i > 0; i-- {
		d.free.Push(block[i].slot)
	}
	return &block[0], nil
}

// init gives a new cell its permanent addresses.
func (c *cell) init(d *Desk, number int) {
	c.desk = d
	c.slot = d.free.Add(c)
	c.wake = make(chan struct{}, 1)
	c.dice = d.Dice.Dice()
	c.turns = c.step
	c.sup.cell = c
	name := d.Name + "/call-" + strconv.Itoa(number)
	registry := d.System.ProcessRegistry
	pid, _ := registry.Add(&c.sup, name)
	c.ref = messages.NewRef[messages.SupervisorMessage](d.System, pid)
	for i := range c.attempts {
		a := &c.attempts[i]
		a.cell, a.slot = c, i
		pid, _ := registry.Add(a, name+"/attempt-"+strconv.Itoa(i))
		a.ref = messages.NewRef[messages.AttemptMessage](d.System, pid)
	}
}
