// SPDX-License-Identifier: Apache-2.0

package actors

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"example.com/mailcall/actors/poolkeeper"
	"example.com/mailcall/actors/selector"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"

	"github.com/asynkron/protoactor-go/actor"
)

// root is the parent of all selectors and keepers: it spawns each when it is
// first needed, and stops them.
type root struct {
	rt       *Runtime
	self     messages.Ref[messages.RootMessage]
	pools    map[poolKey]*poolEntry
	spawned  int
	limits   messages.PoolLimits
	policy   messages.SelectorPolicy
	stopping bool            // no service or pool is opened any more
	stopped  bool            // the root has told itself to stop
	done     chan<- struct{} // closed when the root has stopped
}

// poolKey identifies a pool: by the address that is dialled, never by the remote
// address of a connection.
type poolKey struct{ transport, address string }

type poolEntry struct {
	pool    *messages.Pool
	users   int  // nodes that share the address
	leaving int  // those of them that are leaving
	told    bool // the keeper was told that all of them are
	made    int  // its number in the order of creation
}

// Receive implements actor.Actor.
func (r *root) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		r.self = messages.NewRef[messages.RootMessage](ctx.ActorSystem(), ctx.Self())
	case *actor.Terminated:
		r.stopIfDone(ctx)
	case *actor.Stopping:
	case *actor.Stopped: // the actor system has forgotten it by now
		if r.done != nil {
			close(r.done)
		}
	case messages.RootMessage:
		r.handle(ctx, m)
	default:
		ctx.Logger().Warn("root: unexpected message", "type", fmt.Sprintf("%T", m))
	}
}

func (r *root) handle(ctx actor.Context, m messages.RootMessage) {
	switch m := m.(type) {
	case messages.OpenService:
		r.openService(ctx, m)
	case messages.OpenPool:
		r.openPool(ctx, m)
	case messages.NodeGone:
		r.nodeGone(m.Node)
	case messages.NodeLeaving:
		r.nodeLeaving(m)
	case messages.Retired:
		r.rt.forgetPool(m.Pool)
		r.stopIfDone(ctx)
	case messages.Configure:
		r.configure(m)
	case messages.Shutdown:
		r.shutdown(ctx, m)
	}
}

func (r *root) openService(ctx actor.Context, m messages.OpenService) {
	s := r.rt.directory.Find(m.Key)
	if s == nil {
		var err error
		if s, err = r.spawnSelector(ctx, m); err != nil {
			m.Resolve.ReplyTo.Tell(messages.Resolved{Ticket: m.Resolve.Ticket, Err: err})
			return
		}
	}
	// The selector may handle the message only after others have been opened.
	s.Touched.Store(int64(r.rt.Clock.Now()))
	s.Selector.Tell(m.Resolve)
}

func (r *root) spawnSelector(ctx actor.Context, m messages.OpenService) (*messages.Service, error) {
	switch {
	case r.stopping:
		return nil, rpcerr.ErrClosed
	case len(r.rt.directory.All()) >= r.rt.MaxServices && !r.forget():
		return nil, fmt.Errorf("%w: calls to %d services and address lists are in flight (MaxServices)", rpcerr.ErrOverloaded, r.rt.MaxServices)
	}
	s := &messages.Service{Name: m.Name, Addresses: m.Addresses, Transport: m.Transport, Since: r.rt.Clock.Now()}
	a := selector.New(selector.Config{
		Service: s, Policy: r.policy, Parent: r.self,
		Clock: r.rt.Clock, Dice: r.rt.dice.Dice(),
		Lookup: r.rt.find, Watch: r.rt.cache.Follow, Go: r.rt.Go,
	})
	pid, err := r.spawn(ctx, a, "selector-"+m.Key)
	if err != nil {
		return nil, err
	}
	s.Selector = messages.NewRef[messages.SelectorMessage](ctx.ActorSystem(), pid)
	r.rt.directory.Add(m.Key, s)
	return s, nil
}

// forgetShare is the divisor of how many services are forgotten at once: a sixteenth.
const forgetShare = 16

// forget makes room for other services by removing the least recently used of
// the idle ones; a later call to one of them looks it up again. It reports
// whether there were any.
func (r *root) forget() bool {
	known := r.rt.directory.All()
	idle := slices.DeleteFunc(slices.Sorted(maps.Keys(known)), func(key string) bool { return !known[key].Idle() })
	slices.SortStableFunc(idle, func(a, b string) int {
		return cmp.Compare(known[a].Touched.Load(), known[b].Touched.Load())
	})
	idle = idle[:min(len(idle), max(len(known)/forgetShare, 1))]
	r.rt.directory.Remove(idle...)
	for _, key := range idle {
		s := known[key]
		s.Forget()
		s.Selector.Tell(messages.Dismiss{})
		if v := s.View.Load(); v != nil {
			for _, n := range v.Nodes {
				r.nodeGone(n)
			}
		}
	}
	return len(idle) > 0
}

func (r *root) openPool(ctx actor.Context, m messages.OpenPool) {
	pool := m.Node.Pool()
	if pool == nil {
		var err error
		if pool, err = r.poolOf(ctx, m.Node); err != nil {
			m.Acquire.ReplyTo.Tell(messages.Leased{
				Ticket: m.Acquire.Ticket, Attempt: m.Acquire.Attempt, Phase: rpcerr.PhaseAcquire, Err: err,
			})
			return
		}
		m.Node.SetPool(pool)
		r.joined(m.Node)
	}
	pool.Keeper.Tell(m.Acquire)
}

func (r *root) poolOf(ctx actor.Context, n *messages.Node) (*messages.Pool, error) {
	key := poolKey{n.Transport, n.Address}
	if e := r.pools[key]; e != nil && !n.Removed() {
		e.users++
		return e.pool, nil
	}
	p := &messages.Pool{Address: n.Address, Transport: n.Transport}
	dial, err := r.rt.dialer(n, p)
	switch {
	case r.stopping:
		return nil, rpcerr.ErrClosed
	case n.Removed(): // after it was picked; its pool would never be retired
		return nil, fmt.Errorf("node %s of %s was removed", n.Address, n.Service)
	case err != nil:
		return nil, err
	}
	shared, err := r.rt.multiplexed(n)
	if err != nil {
		return nil, err
	}
	a := poolkeeper.New(poolkeeper.Config{
		Pool: p, Limits: r.limits, Parent: r.self,
		Clock: r.rt.Clock, Dice: r.rt.dice.Dice(),
		Dial: dial, Go: r.rt.Go, Multiplexed: shared,
	})
	pid, err := r.spawn(ctx, a, "keeper-"+n.Address)
	if err != nil {
		return nil, err
	}
	p.Keeper = messages.NewRef[messages.KeeperMessage](ctx.ActorSystem(), pid)
	r.pools[key] = &poolEntry{pool: p, users: 1, made: r.spawned}
	r.rt.rememberPool(p)
	return p, nil
}

// spawn starts a child under a name that has not been used before.
func (r *root) spawn(ctx actor.Context, a actor.Actor, name string) (*actor.PID, error) {
	r.spawned++
	name += "-" + strconv.Itoa(r.spawned)
	return ctx.SpawnNamed(r.rt.props(a, ctx.Self().Id+"/"+name), name)
}

func (r *root) nodeGone(n *messages.Node) {
	if n.Removed() {
		return // with its service, and now by its selector as well
	}
	n.Remove()
	e := r.entry(n)
	if e == nil {
		return
	}
	if n.Leaving() {
		e.leaving--
	}
	if e.users--; e.users == 0 {
		delete(r.pools, poolKey{n.Transport, n.Address})
		e.pool.Keeper.Tell(messages.Retire{})
		return
	}
	e.tellLeaving()
}

// joined counts a node that has got its pool.
func (r *root) joined(n *messages.Node) {
	if e := r.entry(n); e != nil {
		if n.Leaving() {
			e.leaving++
		}
		e.tellLeaving()
	}
}

func (r *root) nodeLeaving(m messages.NodeLeaving) {
	if m.Node.Removed() || !m.Node.SetLeaving(m.Leaving) {
		return
	}
	if e := r.entry(m.Node); e != nil {
		if m.Leaving {
			e.leaving++
		} else {
			e.leaving--
		}
		e.tellLeaving()
	}
}

// entry returns the entry of the node's pool, nil if it has none.
func (r *root) entry(n *messages.Node) *poolEntry {
	e := r.pools[poolKey{n.Transport, n.Address}]
	if e == nil || n.Pool() != e.pool {
		return nil
	}
	return e
}

// tellLeaving tells the keeper whether all nodes at its address are leaving, if that
// has changed.
func (e *poolEntry) tellLeaving() {
	if all := e.leaving == e.users; all != e.told {
		e.told = all
		e.pool.Keeper.Tell(messages.SetLeaving{Leaving: all})
	}
}

func (r *root) configure(m messages.Configure) {
	r.limits, r.policy = m.Limits, m.Policy
	for _, e := range r.inOrder() {
		e.pool.Keeper.Tell(messages.SetLimits{Limits: m.Limits})
	}
	for _, s := range r.services() {
		s.Selector.Tell(messages.SetPolicy{Policy: m.Policy})
	}
	r.rt.retrier.Tell(messages.SetBudget{Budget: m.Budget})
}

func (r *root) shutdown(ctx actor.Context, m messages.Shutdown) {
	r.stopping, r.done = true, m.Done
	for _, e := range r.inOrder() {
		e.pool.Keeper.Tell(messages.Retire{})
	}
	clear(r.pools)
	for _, s := range r.services() {
		s.Selector.Tell(messages.Quit{})
	}
	r.stopIfDone(ctx)
}

// inOrder returns the pools in order of creation; a simulated run must not
// depend on the iteration order of a map.
func (r *root) inOrder() []*poolEntry {
	return slices.SortedFunc(maps.Values(r.pools), func(a, b *poolEntry) int { return cmp.Compare(a.made, b.made) })
}

// services returns the services that have been called, by key.
func (r *root) services() (all []*messages.Service) {
	known := r.rt.directory.All()
	for _, key := range slices.Sorted(maps.Keys(known)) {
		all = append(all, known[key])
	}
	return all
}

// stopIfDone stops the root once its last child has stopped and its last pool
// has been retired, which it may learn in either order.
func (r *root) stopIfDone(ctx actor.Context) {
	if r.stopping && len(ctx.Children()) == 0 && len(*r.rt.pools.Load()) == 0 && !r.stopped {
		r.stopped = true
		ctx.Stop(ctx.Self())
	}
}
