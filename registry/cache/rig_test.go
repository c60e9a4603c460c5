// SPDX-License-Identifier: Apache-2.0

package cache_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/registry"
	"example.com/mailcall/registry/cache"
)

// errDown is the error of a source that fails.
var errDown = errors.New("source down")

// virtual is a clock that moves when it is told to. One goroutine uses it.
type virtual struct {
	clock.Clock
	now    clock.Instant
	timers []*timer
}

type timer struct {
	v    *virtual
	due  clock.Instant // 0: not armed
	fire func()
}

func (v *virtual) Now() clock.Instant { return v.now }

func (v *virtual) Timer(f func()) clock.Timer {
	t := &timer{v: v, fire: f}
	v.timers = append(v.timers, t)
	return t
}

func (t *timer) Reset(at clock.Instant) { t.due = max(at, t.v.now) }

func (t *timer) Stop() { t.due = 0 }

// pass lets time go by and fires what is due, in its order.
func (v *virtual) pass(d time.Duration) {
	end := v.now.Add(d)
	for {
		var first *timer
		for _, t := range v.timers {
			if t.due != 0 && t.due <= end && (first == nil || t.due < first.due) {
				first = t
			}
		}
		if first == nil {
			v.now = end
			return
		}
		v.now = max(v.now, first.due)
		first.due = 0
		first.fire()
	}
}

// rig is a cache whose source and time are scripted.
type rig struct {
	*cache.Registry
	virtual
	t         *testing.T
	asked     []*question
	watches   []*sourceWatch
	cancelled int
}

type question struct {
	service string
	done    func([]*registry.Service, error)
}

type sourceWatch struct {
	changed func([]*registry.Service)
	ended   func(error)
	stopped bool
}

func newRig(t *testing.T, opts ...cache.Option) *rig {
	t.Helper()
	r := &rig{t: t, virtual: virtual{now: clock.Instant(time.Hour)}}
	source := cache.Source{
		Name: "script",
		Lookup: func(service string, done func([]*registry.Service, error)) func() {
			r.asked = append(r.asked, &question{service, done})
			return func() { r.cancelled++ }
		},
		Watch: func(_ string, changed func([]*registry.Service), ended func(error)) func() {
			w := &sourceWatch{changed: changed, ended: ended}
			r.watches = append(r.watches, w)
			return func() { w.stopped = true }
		},
	}
	c, err := cache.NewOf(source, append(opts, cache.WithClock(&r.virtual))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	r.Registry = c
	return r
}

// list makes "1:a,b 2:c" a list; "gone" is nil and "1:" a version without
// nodes.
func list(text string) (all []*registry.Service) {
	if text == "gone" {
		return nil
	}
	for part := range strings.FieldsSeq(text) {
		version, ids, _ := strings.Cut(part, ":")
		s := &registry.Service{Name: "greeter", Version: version}
		for id := range strings.SplitSeq(ids, ",") {
			if id != "" {
				s.Nodes = append(s.Nodes, &registry.Node{ID: id, Address: id + ":1"})
			}
		}
		all = append(all, s)
	}
	return all
}

func show(list []*registry.Service) string {
	if list == nil {
		return "gone"
	}
	var out []string
	for _, s := range list {
		var ids []string
		for _, n := range s.Nodes {
			ids = append(ids, n.ID)
		}
		out = append(out, s.Version+":"+strings.Join(ids, ","))
	}
	return strings.Join(out, " ")
}

// result writes down what a lookup got: the list, "not found", or "down".
func result(t *testing.T, list []*registry.Service, err error) string {
	t.Helper()
	switch {
	case err == nil:
		return show(list)
	case errors.Is(err, registry.ErrNotFound) && !errors.Is(err, errDown):
		return "not found"
	case strings.Contains(err.Error(), "greeter") || errors.Is(err, errDown):
		return "down"
	default:
		t.Errorf("got %v, want an error that names the service", err)
		return err.Error()
	}
}

// ask begins a lookup; what it got stands at the returned place, "" before.
func (r *rig) ask() *string {
	got := new(string)
	r.Ask("greeter", func(list []*registry.Service, err error) { *got = result(r.t, list, err) })
	return got
}

// open returns the question that the source has not answered.
func (r *rig) open() *question {
	r.t.Helper()
	if len(r.asked) != 1 {
		r.t.Fatalf("got %d open questions to the source, want 1", len(r.asked))
	}
	q := r.asked[0]
	r.asked = nil
	return q
}

// reply answers the open question: "down" is a failure, "not found" the error.
func (r *rig) reply(text string) {
	r.t.Helper()
	q := r.open()
	switch text {
	case "down":
		q.done(nil, errDown)
	case "not found":
		q.done(nil, registry.ErrNotFound)
	default:
		q.done(list(text), nil)
	}
}

// lookup asks and lets the source answer text; "" says that the source must
// not be asked.
func (r *rig) lookup(text string) string {
	r.t.Helper()
	got := r.ask()
	if text != "" {
		r.reply(text)
	}
	if len(r.asked) > 0 {
		r.t.Fatalf("got %d questions to the source, want none", len(r.asked))
	}
	if *got == "" {
		r.t.Fatal("got no answer, want one")
	}
	return *got
}

func (r *rig) state() cache.ServiceState {
	r.t.Helper()
	s := r.Inspect().Services
	if len(s) != 1 {
		r.t.Fatalf("got %d services, want 1", len(s))
	}
	return s[0]
}

// follow watches; the lists that came since the last call of the function are
// what it returns.
func (r *rig) follow() (news func() []string, ended *error, stop func()) {
	var lists []string
	ended = new(error)
	stop = r.Follow("greeter",
		func(list []*registry.Service) { lists = append(lists, show(list)) },
		func(err error) { *ended = err })
	return func() []string {
		got := lists
		lists = nil
		return got
	}, ended, stop
}

func (r *rig) want(got []string, want ...string) {
	r.t.Helper()
	if !slices.Equal(got, want) {
		r.t.Errorf("got %q, want %q", got, want)
	}
}
