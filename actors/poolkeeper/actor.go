// SPDX-License-Identifier: Apache-2.0

// Package poolkeeper is the actor that owns the connections to one address: it
// dials them, leases them, replaces old ones, and closes them.
//
// Idle and shared connections are in the published [messages.Pool], from which
// an attempt takes one without a message. The keeper gets a message when there
// is something to decide: no connection is available, callers wait, or a
// connection must not be used again.
package poolkeeper

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/dice"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"

	"github.com/asynkron/protoactor-go/actor"
)

// Config configures a keeper. All fields but Multiplexed are required.
type Config struct {
	// Pool is the state that the keeper publishes; its parent makes it.
	Pool *messages.Pool
	// Limits are the bounds of the pool.
	Limits messages.PoolLimits
	// Clock and Dice are the sources of time and of random numbers.
	Clock clock.Clock
	Dice  dice.Dice
	// Dial begins a dial and returns at once; done is called once, by any
	// goroutine. cancel ends the dial early.
	Dial func(address string, timeout time.Duration, done func(transport.Conn, error)) (cancel func())
	// Go runs work that may block, outside of any turn.
	Go func(work func())
	// Multiplexed says that connections are expected to be shared, so that one
	// dial serves all waiting callers.
	Multiplexed bool
	// Parent is told when the keeper stops.
	Parent messages.Ref[messages.RootMessage]
}

// New returns the keeper as an actor.
func New(c Config) actor.Actor {
	k := &keeper{Config: c, state: state{limits: c.Limits, multiplexed: c.Multiplexed}, dials: make(map[int]func())}
	c.Pool.Resize(c.Limits.Size)
	c.Pool.Stats.Max.Store(int64(c.Limits.Max))
	return k
}

type keeper struct {
	Config
	state state
	self  messages.Ref[messages.KeeperMessage]
	timer clock.Timer
	tends bool // the timer is armed
	// hurries says that it is armed for leaving shared connections.
	hurries bool
	dials   map[int]func() // what cancels each running dial, by its number
	dial    int            // number of the last dial

	shared  []*messages.Conn // as last published; never modified in place
	leaving []*messages.Conn // shared ones that take no new exchanges
}

// Receive implements actor.Actor.
func (k *keeper) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		k.self = messages.NewRef[messages.KeeperMessage](ctx.ActorSystem(), ctx.Self())
		k.timer = k.Clock.Timer(func() { k.self.Tell(messages.Tend{}) })
	case *actor.Stopping, *actor.Stopped:
		k.timer.Stop()
	case messages.KeeperMessage:
		k.handle(ctx, m)
		k.publish()
	default:
		ctx.Logger().Warn("poolkeeper: unexpected message", "type", fmt.Sprintf("%T", m))
	}
}

func (k *keeper) handle(ctx actor.Context, m messages.KeeperMessage) {
	switch m := m.(type) {
	case messages.Acquire:
		k.acquire(m)
	case messages.Withdraw:
		if k.state.withdraw(m) {
			k.Pool.WaitOver(1)
		}
	case messages.Released:
		k.lendOrKeep(m.Conn, false)
	case messages.Dropped:
		k.dropped(m.Conn)
	case messages.Dialled:
		k.dialled(m)
	case messages.Tend:
		k.tend()
	case messages.Retire:
		k.retire()
	case messages.SetLeaving:
		k.setLeaving(m.Leaving)
	case messages.SetLimits:
		k.setLimits(m.Limits)
	case messages.Farewell:
		k.Parent.Tell(messages.Retired{Pool: k.Pool})
		ctx.Stop(ctx.Self())
		return
	}
	k.dialMore()
	k.tendLater()
	k.vanish()
}

// vanish stops a retired keeper that has nothing left to wait for. An Acquire
// may still arrive: one that was sent before the pool is marked as gone is
// answered before the Farewell, and whoever sends one later sees the mark.
func (k *keeper) vanish() {
	if k.state.gone() && !k.Pool.Gone() {
		k.Pool.Vanish()
		k.self.Tell(messages.Farewell{})
	}
}

func (k *keeper) acquire(m messages.Acquire) {
	now := k.Clock.Now()
	k.prune()
	if c := k.ready(m, now); c != nil {
		k.lend(m, c)
		return
	}
	var err error
	switch verdict := k.state.enqueue(m); {
	case verdict == closed:
		err = k.Pool.Removed()
	case verdict == wait && m.Full != nil && !k.state.needDial() && k.state.dialing == 0:
		k.state.withdraw(messages.Withdraw{Ticket: m.Ticket, Attempt: m.Attempt, ReplyTo: m.ReplyTo})
		err = k.crowded()
	case verdict == wait:
		return
	default:
		err = fmt.Errorf("pool of %s: %d callers wait already (PoolWaiters): %w",
			k.Pool.Address, k.state.limits.Waiters, rpcerr.ErrOverloaded)
	}
	k.Pool.WaitOver(1)
	m.ReplyTo.Tell(messages.Leased{Ticket: m.Ticket, Attempt: m.Attempt, Phase: rpcerr.PhaseAcquire, Err: err})
}

// ready returns a connection that is available now. If there is none, it returns
// nil and counts the caller as waiting.
func (k *keeper) ready(m messages.Acquire, now clock.Instant) *messages.Conn {
	switch {
	case m.Full != nil:
		if c := k.roomier(m.Full); c != nil {
			return c
		}
	case m.Fresh:
		if len(k.shared) > 0 {
			return k.shared[0]
		}
		if k.state.open+k.state.dialing >= k.state.limits.Max {
			if c := k.Pool.Take(now); c != nil {
				k.discard(c) // to make room for a new one
			}
		}
	default:
		return k.Pool.TakeOrWait(now)
	}
	k.Pool.Wait()
	return nil
}

func (k *keeper) lend(m messages.Acquire, c *messages.Conn) {
	m.ReplyTo.Tell(messages.Leased{Ticket: m.Ticket, Attempt: m.Attempt, Conn: c})
}

// lendOrKeep leases a usable connection to the first waiting caller, else keeps
// it as an idle one. fresh says that it has not been used yet: it is leased once even
// if it has expired already, because another one might expire as early.
func (k *keeper) lendOrKeep(c *messages.Conn, fresh bool) {
	now := k.Clock.Now()
	if k.state.retired || !fresh && c.Expires != 0 && c.Expires <= now {
		k.discard(c)
		return
	}
	if w, ok := k.first(now, fresh); ok {
		k.lend(w, c)
		return
	}
	// The remaining callers wait for a fresh one, which may need the room.
	if k.state.needRoom() || !k.Pool.Keep(c, now) {
		k.discard(c)
	}
}

func (k *keeper) first(now clock.Instant, fresh bool) (messages.Acquire, bool) {
	w, expired, ok := k.state.next(now, fresh)
	if ok {
		expired++
	}
	k.Pool.WaitOver(expired)
	k.publish() // before the caller gets its answer: it no longer waits
	return w, ok
}

// dropped takes back a connection that must not be used again.
func (k *keeper) dropped(c *messages.Conn) {
	if c.Shared != nil {
		k.leave(c)
		return
	}
	k.discard(c)
}

// discard closes a connection outside of the turn, so that a slow Close does not
// delay the pool.
func (k *keeper) discard(c *messages.Conn) {
	k.state.open--
	k.Pool.Stats.Discarded.Add(1)
	k.Pool.Forget(c)
	k.Pool.Stats.Closing.Add(1)
	k.Go(func() {
		defer k.Pool.Stats.Closing.Add(-1)
		_ = c.Close() // a failure changes nothing
	})
}

func (k *keeper) retire() {
	k.state.retired = true
	for _, c := range k.Pool.Retire() {
		k.discard(c)
	}
	for _, c := range k.shared {
		k.leave(c)
	}
	for _, id := range slices.Sorted(maps.Keys(k.dials)) { // a simulated run must not depend on the order of a map
		k.dials[id]()
	}
	k.fail(k.Pool.Removed())
}

// fail answers all waiting callers with err.
func (k *keeper) fail(err error) {
	for _, w := range k.state.waiters {
		w.ReplyTo.Tell(messages.Leased{Ticket: w.Ticket, Attempt: w.Attempt, Phase: rpcerr.PhaseAcquire, Err: err})
	}
	k.Pool.WaitOver(len(k.state.waiters))
	k.state.waiters = nil
}

func (k *keeper) setLimits(limits messages.PoolLimits) {
	k.state.limits = limits
	k.Pool.Stats.Max.Store(int64(limits.Max))
	for _, c := range k.Pool.Resize(limits.Size) {
		k.discard(c)
	}
}

func (k *keeper) publish() {
	s := &k.Pool.Stats
	s.Open.Store(int64(k.state.open))
	s.Leaving.Store(int64(len(k.leaving)))
	s.Dialing.Store(int64(k.state.dialing))
	s.Waiters.Store(int64(len(k.state.waiters)))
}
