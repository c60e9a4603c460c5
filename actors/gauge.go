// SPDX-License-Identifier: Apache-2.0

package actors

import (
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/messages"

	"github.com/asynkron/protoactor-go/actor"
)

// gauge watches the mailbox and the turns of one actor.
type gauge struct {
	id               string
	clock            clock.Clock
	posted, received atomic.Int64
	deepest          atomic.Int64
	turn             atomic.Int64 // when the current turn began, 0: none is running
	gone             func()
	panicked         func(any) // tells the simulator that a turn has panicked
}

// MailboxStarted implements actor.MailboxMiddleware.
func (g *gauge) MailboxStarted() {}

// MessagePosted implements actor.MailboxMiddleware.
func (g *gauge) MessagePosted(any) {
	depth := g.posted.Add(1) - g.received.Load()
	for deepest := g.deepest.Load(); depth > deepest; deepest = g.deepest.Load() {
		if g.deepest.CompareAndSwap(deepest, depth) {
			return
		}
	}
}

// MessageReceived implements actor.MailboxMiddleware.
func (g *gauge) MessageReceived(any) { g.received.Add(1) }

// MailboxEmpty implements actor.MailboxMiddleware.
func (g *gauge) MailboxEmpty() {}

// watch wraps an actor so that the gauge sees its turns while they run.
func (g *gauge) watch(a actor.Actor) actor.Actor { return &watched{a, g} }

type watched struct {
	actor actor.Actor
	gauge *gauge
}

// Receive implements actor.Actor.
func (w *watched) Receive(ctx actor.Context) {
	w.gauge.turn.Store(int64(w.gauge.clock.Now()))
	defer w.over(ctx)
	w.actor.Receive(ctx)
}

// over ends a turn. A panic loses the message that was being handled and nothing
// else: a restart would stop the children of the actor, and after a few restarts
// the library would stop the actor itself.
func (w *watched) over(ctx actor.Context) {
	if p := recover(); p != nil {
		w.gauge.panicked(p)
		ctx.Logger().Error("mailcall: an actor panicked over a message, which is lost", "actor", w.gauge.id,
			"message", fmt.Sprintf("%T", ctx.Message()), "panic", p, "stack", string(debug.Stack()))
	}
	w.gauge.turn.Store(0)
	if _, stopped := ctx.Message().(*actor.Stopped); stopped {
		w.gauge.gone()
	}
}

// gauges are the gauges of all actors except those of calls.
type gauges struct {
	mu  sync.Mutex
	all []*gauge
}

func (gs *gauges) add(id string, c clock.Clock) *gauge {
	g := &gauge{id: id, clock: c, panicked: func(any) {}}
	g.gone = func() {
		gs.mu.Lock()
		defer gs.mu.Unlock()
		gs.all = slices.DeleteFunc(gs.all, func(x *gauge) bool { return x == g })
	}
	gs.mu.Lock()
	defer gs.mu.Unlock()
	gs.all = append(gs.all, g)
	return g
}

func (gs *gauges) snapshot(client string, now clock.Instant) []messages.ActorInfo {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	infos := make([]messages.ActorInfo, 0, len(gs.all))
	for _, g := range gs.all {
		received := g.received.Load()
		info := messages.ActorInfo{
			ID: g.id, Received: received,
			Depth: max(g.posted.Load()-received, 0), MaxDepth: g.deepest.Load(),
		}
		info.Kind, info.Parent = place(client, g.id)
		if began := g.turn.Load(); began != 0 {
			info.Busy = max(now.Sub(clock.Instant(began)), 1)
		}
		infos = append(infos, info)
	}
	return infos
}

// place returns the kind and the parent of an actor. Its address is that of the
// client or of the root, followed by KIND or KIND-suffix; the names of clients
// and services, and addresses, may contain dashes and slashes.
func place(client, id string) (kind, parent string) {
	name := strings.TrimPrefix(id, client+"/")
	if child, is := strings.CutPrefix(name, "root/"); is {
		name, parent = child, client+"/root"
	}
	kind, _, _ = strings.Cut(name, "-")
	return kind, parent
}
