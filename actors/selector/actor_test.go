// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"example.com/mailcall/actors/internal/actortest"
	"example.com/mailcall/internal/dice"
	"example.com/mailcall/messages"
	"example.com/mailcall/registry"
	"example.com/mailcall/rpcerr"
)

// quits is the context of an actor that may stop itself, and do nothing else.
type quits struct {
	actor.Context
	stopped bool
}

func (*quits) Self() *actor.PID { return nil }

func (q *quits) Stop(*actor.PID) { q.stopped = true }

// rig is a selector whose turns the test takes, with a clock and a registry that do
// what the test says.
type rig struct {
	*selector
	actortest.Clock
	lookups int
	watches int
	stopped int
	parent  actortest.Inbox
	caller  actortest.Inbox
	quits   *quits
	work    []func() // filters that have begun
	replyTo messages.Ref[messages.SupervisorMessage]
}

func newRig(t *testing.T) *rig {
	t.Helper()
	system := actor.NewActorSystem()
	t.Cleanup(func() { system.Shutdown() })
	r := &rig{Clock: actortest.Clock{At: start}, quits: new(quits)}
	parent, _ := system.ProcessRegistry.Add(&r.parent, "parent")
	caller, _ := system.ProcessRegistry.Add(&r.caller, "caller")
	r.replyTo = messages.NewRef[messages.SupervisorMessage](system, caller)
	s, is := New(Config{
		Service: &messages.Service{Name: "greeter"}, Policy: messages.SelectorPolicy{Picker: P2C{}, Transport: "http"},
		Clock: &r.Clock, Dice: dice.NewSource(1).Dice(), Go: func(work func()) { r.work = append(r.work, work) },
		Lookup: func(string, func([]*registry.Service, error)) { r.lookups++ },
		Watch: func(string, func([]*registry.Service), func(error)) (stop func()) {
			r.watches++
			return func() { r.stopped++ }
		},
		Parent: messages.NewRef[messages.RootMessage](system, parent),
	}).(*selector)
	if !is {
		t.Fatal("got another actor, want a selector")
	}
	r.selector = s
	s.timer = r.Clock.Timer(nil)
	return r
}

func (r *rig) tell(m messages.SelectorMessage) { r.handle(r.quits, m) }

// pass lets the time pass, at the end of which the timer fires.
func (r *rig) pass(d time.Duration) {
	r.At = r.At.Add(d)
	r.tell(messages.Review{})
}

func (r *rig) selectable() []string { return ids(r.Service.View.Load().Ready) }

// A watch that has failed is begun anew after a pause, with a lookup before it: what
// changed meanwhile is not missed.
func TestWatchThatFailed(t *testing.T) {
	r := newRig(t)
	r.tell(messages.Looked{Records: list("a")})
	if r.watches != 1 {
		t.Fatalf("got %d watches after the first lookup, want 1", r.watches)
	}
	r.tell(messages.WatchEnded{Err: errFault})
	if want := r.At.Add(retryAfter); r.Due != want {
		t.Fatalf("got the next lookup at %d, want it at %d", r.Due, want)
	}
	r.pass(retryAfter)
	if r.lookups != 1 {
		t.Fatalf("got %d lookups after the pause, want 1", r.lookups)
	}
	r.tell(messages.Looked{Records: list("b")})
	if r.watches != 2 {
		t.Errorf("got %d watches, want the second", r.watches)
	}
	if got, want := r.selectable(), []string{"b"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	r.pass(refreshEvery)
	r.tell(messages.Looked{Records: list("b")})
	if r.lookups != 2 || r.watches != 2 {
		t.Errorf("got %d lookups and %d watches while the watch runs, want 2 and 2", r.lookups, r.watches)
	}
}

// What a lookup says is in force until the next one: a service that the registry does
// not know any more has no nodes, one that cannot be looked up keeps them.
func TestLookupThatFailed(t *testing.T) {
	for _, tc := range []struct {
		name  string
		err   error
		kept  bool
		again time.Duration
	}{
		{"not found", registry.ErrNotFound, false, refreshEvery},
		{"unreachable", errFault, true, retryAfter},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			r.tell(messages.Looked{Records: list("a")})
			a := r.state.node("a")
			r.tell(messages.Looked{Err: tc.err})
			if got := r.selectable(); (len(got) == 1) != tc.kept {
				t.Errorf("got %v, want the node kept: %t", got, tc.kept)
			}
			if gone := slices.Contains(r.parent, any(messages.NodeGone{Node: a})); gone == tc.kept {
				t.Errorf("got %+v told to the parent, want the node gone: %t", r.parent, !tc.kept)
			}
			if want := r.At.Add(tc.again); r.Due != want {
				t.Errorf("got the next lookup at %d, want it at %d", r.Due, want)
			}
		})
	}
}

// A call that finds no node waits for a lookup, and is told what that one has said.
func TestResolve(t *testing.T) {
	for _, tc := range []struct {
		name string
		m    messages.Looked
		want error // nil for a node
	}{
		{"nodes", messages.Looked{Records: list("a")}, nil},
		{"none", messages.Looked{Records: list()}, rpcerr.ErrNoneAvailable},
		{"not found", messages.Looked{Err: registry.ErrNotFound}, rpcerr.ErrNotFound},
		{"unreachable", messages.Looked{Err: errFault}, rpcerr.ErrRegistryUnavailable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			r.tell(messages.Resolve{Ticket: 1, ReplyTo: r.replyTo})
			r.tell(messages.SetPolicy{Policy: r.Policy})
			r.tell(messages.Resolve{Ticket: 3, ReplyTo: r.replyTo})
			if len(r.caller) != 0 || r.lookups != 1 || r.Service.Waiting.Load() != 2 {
				t.Fatalf("got %+v, %d lookups and %d calls that wait, want none, 1 and 2", r.caller, r.lookups, r.Service.Waiting.Load())
			}
			r.tell(tc.m)
			if len(r.caller) != 2 || r.Service.Waiting.Load() != 0 {
				t.Fatalf("got %+v and %d calls that wait, want two replies and 0", r.caller, r.Service.Waiting.Load())
			}
			for i, ticket := range []messages.Ticket{1, 3} {
				got, _ := r.caller[i].(messages.Resolved)
				if got.Ticket != ticket || !errors.Is(got.Err, tc.want) || (got.Service == nil) == (tc.want == nil) {
					t.Errorf("got %+v, want the ticket %d and the error %v", got, ticket, tc.want)
				}
			}
		})
	}
}

// A selector that is dismissed answers the calls that wait before it stops; one that has
// to quit refuses them. Neither goes on watching.
func TestSelectorThatStops(t *testing.T) {
	for _, tc := range []struct {
		name string
		m    messages.SelectorMessage
		then bool // it goes on until the lookup has ended
		want error
	}{
		{"dismissed", messages.Dismiss{}, true, nil},
		{"quits", messages.Quit{}, false, rpcerr.ErrClosed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			r.tell(messages.Looked{Records: list()}) // there is a watch, and no node
			r.tell(messages.Resolve{Ticket: 1, ReplyTo: r.replyTo})
			r.tell(tc.m)
			if r.quits.stopped == tc.then || (len(r.caller) == 0) != tc.then {
				t.Fatalf("got stopped: %t, and %+v, want that it goes on: %t", r.quits.stopped, r.caller, tc.then)
			}
			if tc.then {
				r.tell(messages.Looked{Records: list("a")})
			}
			if got, _ := r.caller[0].(messages.Resolved); len(r.caller) != 1 || !errors.Is(got.Err, tc.want) {
				t.Errorf("got %+v, want one reply with the error %v", r.caller, tc.want)
			}
			if !r.quits.stopped || r.stopped != 1 {
				t.Errorf("got stopped: %t, and %d watches ended, want both", r.quits.stopped, r.stopped)
			}
		})
	}
}

// However many lists come while filters hang, only a few are filtered at once, and the
// newest one in the end.
func TestFiltersThatHang(t *testing.T) {
	r := newRig(t)
	none := func([]*registry.Service) []*registry.Service { return nil }
	r.tell(messages.SetPolicy{Policy: messages.SelectorPolicy{Picker: P2C{}, Transport: "http", Filters: []messages.Filter{none}}})
	for range 3 * maxFilters {
		r.tell(messages.Looked{Records: list("a")})
	}
	if len(r.work) != maxFilters {
		t.Fatalf("got %d lists that are filtered, want %d", len(r.work), maxFilters)
	}
	r.tell(messages.Filtered{List: 1, Records: list("a")})
	if len(r.work) != maxFilters+1 {
		t.Fatalf("got %d lists that were filtered, want the newest one after the others", len(r.work))
	}
	r.tell(messages.Filtered{List: r.newest, Records: list("b")})
	r.tell(messages.Filtered{List: 2, Records: list("c")})
	if got, want := r.selectable(), []string{"b"}; !slices.Equal(got, want) || len(r.work) != maxFilters+1 {
		t.Errorf("got %v and %d lists filtered, want %v and no more of them", got, len(r.work), want)
	}
}
