// SPDX-License-Identifier: Apache-2.0

// Package poolkeeper is the actor that owns the connections to one address:
// it dials them, lends them, ages them, and closes them.
//
// Idle connections lie on the published [messages.Pool], from where an
// attempt takes one without asking. The keeper is told when there is something
// to decide: nobody is idle, somebody waits, a connection is in doubt.
package poolkeeper

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/dice"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"

	"github.com/asynkron/protoactor-go/actor"
)

// Config is what a keeper is made of.
type Config struct {
	// Pool is what it publishes; made by its parent.
	Pool *messages.Pool
	// Limits bound it.
	Limits messages.PoolLimits
	// Clock and Dice are its time and its chance.
	Clock clock.Clock
	Dice  dice.Dice
	// Dial begins a dial and returns; done is called once, from anywhere.
	// cancel makes a dial end early.
	Dial func(address string, timeout time.Duration, done func(transport.Conn, error)) (cancel func())
	// Go runs work that may block, outside of any turn.
	Go func(work func())
	// Multiplexed says that connections are expected to be shared: one is
	// dialled at a time.
	Multiplexed bool
	// Parent is told when the keeper has stopped.
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
	// hurries: it is armed for shared connections that leave
	hurries bool
	dials   map[int]func()
	dial    int

	shared  []*messages.Conn // as it was published last; never changed in place
	leaving []*messages.Conn // shared ones that take nothing any more
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
	case messages.Retune:
		k.retune(m.Limits)
	case messages.Farewell:
		k.Parent.Tell(messages.Retired{Pool: k.Pool})
		ctx.Stop(ctx.Self())
		return
	}
	k.dialMore()
	k.tendLater()
	k.vanish()
}

// vanish ends a retired keeper that has nothing to wait for. Somebody may be
// about to ask still: who asks before the pool says that it is gone is answered
// before the farewell, who asks after it sees that.
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

// ready returns a connection that is there already, or nil; then the caller
// counts as one who waits.
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

// lendOrKeep gives a good connection to the first waiter, else to the shelf.
// fresh says that nobody has used it yet.
func (k *keeper) lendOrKeep(c *messages.Conn, fresh bool) {
	now := k.Clock.Now()
	if k.state.retired || c.Expires != 0 && c.Expires <= now {
		k.discard(c)
		return
	}
	if w, ok := k.first(now, fresh); ok {
		k.lend(w, c)
		return
	}
	// Whoever waits still wants one that is fresh, and there may be no room for it.
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
	k.publish() // before the waiter is told: it waits no longer
	return w, ok
}

// dropped takes back what must not be used again.
func (k *keeper) dropped(c *messages.Conn) {
	if c.Shared != nil {
		k.leave(c)
		return
	}
	k.discard(c)
}

// discard closes a connection outside the turn: a slow Close delays nobody.
func (k *keeper) discard(c *messages.Conn) {
	k.state.open--
	k.Pool.Stats.Discarded.Add(1)
	k.Pool.Forget(c)
	k.Pool.Stats.Closing.Add(1)
	k.Go(func() {
		defer k.Pool.Stats.Closing.Add(-1)
		_ = c.Close() // nothing is left to do about a close that fails
	})
}

func (k *keeper) dialMore() {
	for k.state.needDial() {
		k.state.dialing++
		k.publish() // who gives up from now on waits for a dial
		k.dial++
		id := k.dial
		cancel := k.Dial(k.Pool.Address, k.state.limits.DialTimeout, func(c transport.Conn, err error) {
			k.self.Tell(messages.Dialled{ID: id, Conn: c, Err: err})
		})
		k.dials[id] = cancel
	}
}

func (k *keeper) dialled(m messages.Dialled) {
	delete(k.dials, m.ID)
	k.state.dialing--
	now := k.Clock.Now()
	if m.Err != nil {
		k.Pool.Stats.DialFailures.Add(1)
		k.undialled(m.Err, now)
		return
	}
	k.Pool.Stats.Dialled.Add(1)
	k.state.open++
	c := messages.NewConn(m.Conn, k.Pool, now, k.expiry(now))
	if k.state.multiplexed = c.Shared != nil; k.state.multiplexed {
		k.share(c, now)
		return
	}
	k.lendOrKeep(c, true)
}

// undialled tells a failed dial to the caller it was for; one that was to be
// shared was for all of them.
func (k *keeper) undialled(err error, now clock.Instant) {
	for {
		w, ok := k.first(now, true)
		if ok {
			w.ReplyTo.Tell(messages.Leased{Ticket: w.Ticket, Attempt: w.Attempt, Phase: rpcerr.PhaseDial, Err: err})
		}
		if !ok || !k.state.multiplexed {
			return
		}
	}
}

// maxTTL keeps a TTL that means "for ever" within what a duration can say.
const maxTTL = float64(math.MaxInt64 / 2)

// expiry spreads the ends of connections that were opened together over
// +-20 % of the TTL, so that they are not all replaced at once.
func (k *keeper) expiry(now clock.Instant) clock.Instant {
	ttl := k.state.limits.TTL
	if ttl <= 0 {
		return 0
	}
	return now.Add(time.Duration(min(float64(ttl)*(0.8+0.4*k.Dice.Float()), maxTTL)))
}

func (k *keeper) tend() {
	k.tends = false
	now := k.Clock.Now()
	since := clock.Instant(0)
	if limit := k.state.limits.IdleTimeout; limit > 0 {
		since = now.Add(-limit)
	}
	for _, c := range k.Pool.Reap(now, since) {
		k.discard(c)
	}
	k.tendShared(now)
}

// tendLater arms the timer while there is a connection that can grow old.
func (k *keeper) tendLater() {
	hurry := len(k.leaving) > 0
	if k.state.open == 0 || k.tends && (k.hurries || !hurry) {
		return
	}
	every := k.state.limits.IdleTimeout
	if ttl := k.state.limits.TTL; every <= 0 || ttl > 0 && ttl < every {
		every = ttl
	}
	every /= 2
	if hurry && (every <= 0 || every > leaveEvery) {
		every = leaveEvery
	}
	if every > 0 {
		k.tends, k.hurries = true, hurry
		k.timer.Reset(k.Clock.Now().Add(max(every, time.Millisecond)))
	}
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

// fail answers everybody who waits.
func (k *keeper) fail(err error) {
	for _, w := range k.state.waiters {
		w.ReplyTo.Tell(messages.Leased{Ticket: w.Ticket, Attempt: w.Attempt, Phase: rpcerr.PhaseAcquire, Err: err})
	}
	k.Pool.WaitOver(len(k.state.waiters))
	k.state.waiters = nil
}

func (k *keeper) retune(limits messages.PoolLimits) {
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
