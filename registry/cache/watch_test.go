// SPDX-License-Identifier: Apache-2.0

package cache_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/mailcall/registry"
	"example.com/mailcall/registry/cache"
)

func TestWatchersShareTheWatchOfTheSource(t *testing.T) {
	r := newRig(t)
	first, _, stopFirst := r.follow()
	r.want(first())
	if len(r.watches) != 1 {
		t.Fatalf("got %d watches of the source, want 1", len(r.watches))
	}
	w := r.watches[0]
	w.changed(list("1:a"))
	second, _, stopSecond := r.follow()
	r.want(first(), "1:a")
	r.want(second(), "1:a")
	w.changed(list("1:a"))
	w.changed(list("1:a,b"))
	r.want(first(), "1:a,b")
	r.want(second(), "1:a,b")
	if got := r.lookup(""); got != "1:a,b" {
		t.Errorf("got %q, want what the watch said", got)
	}
	stopFirst()
	if w.stopped || len(r.watches) != 1 {
		t.Error("got the watch of the source ended or doubled, want one while somebody watches")
	}
	w.changed(list("1:b,a"))
	r.want(first())
	r.want(second(), "1:b,a")
	stopSecond()
	stopSecond()
	if !w.stopped {
		t.Error("got the watch of the source running, want it ended with the last")
	}
	w.changed(list("1:z"))
	w.ended(errDown)
	if got := r.lookup(""); got != "1:b,a" {
		t.Errorf("got %q, want nothing taken from a watch that was ended", got)
	}
	if got := r.Inspect().Failures; got != 0 {
		t.Errorf("got %d failures, want none", got)
	}
}

func TestWatchIsDamped(t *testing.T) {
	r := newRig(t)
	news, _, stop := r.follow()
	defer stop()
	w := r.watches[0]
	w.changed(list("1:a,b,c"))
	r.want(news(), "1:a,b,c")
	w.changed(list("1:a,b,d"))
	r.want(news(), "1:a,b,d,c")
	r.pass(time.Second - 1)
	w.changed(list("1:a,d")) // too soon to confirm that c is gone; b goes too
	r.want(news(), "1:a,d,c,b")
	r.pass(1)
	w.changed(list("1:d"))
	r.want(news(), "1:d,b,a")
	r.pass(9*time.Second - 1)
	r.pass(10 * time.Second)
	r.want(news(), "1:d,a", "1:d")
	w.changed(nil)
	r.want(news(), "1:d") // which is leaving now
	r.pass(10*time.Second - 1)
	r.want(news())
	r.pass(1)
	r.want(news(), "gone")
}

// A node that is kept although the source no longer names it is marked, in a copy
// of its record.
func TestNodesThatLeaveAreMarked(t *testing.T) {
	r := newRig(t)
	_, _, stop := r.follow()
	defer stop()
	marked := func(want string) {
		t.Helper()
		got := ""
		found, err := r.Lookup(t.Context(), "greeter")
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range found[0].Nodes {
			if n.Leaving {
				got += n.ID
			}
		}
		if got != want {
			t.Errorf("got %q leaving, want %q", got, want)
		}
	}
	both := list("1:a,b")
	r.watches[0].changed(both)
	marked("")
	r.watches[0].changed(list("1:a"))
	marked("b")
	r.watches[0].changed(both)
	marked("")
}

func TestWatchHearsOfLookups(t *testing.T) {
	r := newRig(t)
	news, _, stop := r.follow()
	defer stop()
	r.lookup("not found")
	r.want(news(), "gone")
	r.lookup("1:a")
	r.want(news(), "1:a")
}

// An answer that was asked for before the watch spoke is older.
func TestLookupDoesNotUndoTheWatch(t *testing.T) {
	r := newRig(t)
	news, _, stop := r.follow()
	defer stop()
	got := r.ask()
	r.watches[0].changed(list("1:b"))
	r.reply("1:a")
	if *got != "1:b" {
		t.Errorf("got %q, want %q", *got, "1:b")
	}
	r.want(news(), "1:b")
}

func TestBrokenWatch(t *testing.T) {
	r := newRig(t)
	news, ended, _ := r.follow()
	other, otherEnded, stopOther := r.follow()
	r.watches[0].changed(list("1:a"))
	stopOther()
	r.watches[0].ended(errDown)
	if !errors.Is(*ended, errDown) || !strings.Contains((*ended).Error(), "greeter") || *otherEnded != nil {
		t.Errorf("got %v and %v, want the error of the source for who still watched", *ended, *otherEnded)
	}
	if got := r.state(); !got.Stale || got.Failures != 1 || got.Watchers != 0 {
		t.Errorf("got %+v, want it stale after one failure", got)
	}
	if got := r.lookup("gone"); got != "1:a" { // asked at once, and not believed
		t.Errorf("got %q, want %q", got, "1:a")
	}
	news2, _, stop := r.follow()
	defer stop()
	r.want(news2(), "1:a")
	if len(r.watches) != 2 {
		t.Fatalf("got %d watches of the source, want a new one", len(r.watches))
	}
	r.watches[1].changed(nil)
	r.want(news2())
	r.pass(5 * time.Second) // the cache asks by itself
	r.reply("not found")
	r.want(news2(), "gone")
	r.want(news(), "1:a")
	r.want(other(), "1:a")
}

func TestWatchThatEndsWithoutError(t *testing.T) {
	r := newRig(t)
	_, ended, _ := r.follow()
	r.watches[0].ended(nil)
	if *ended == nil {
		t.Error("got no error, want one: the watch is not running")
	}
}

// While there is a watcher, a failing source is queried once per pause.
func TestWatchersAreKeptCurrent(t *testing.T) {
	r := newRig(t)
	news, _, stop := r.follow()
	r.watches[0].changed(list("1:a"))
	r.pass(time.Minute)
	r.lookup("down")
	for range 3 {
		r.pass(5*time.Second - 1)
		if len(r.asked) > 0 {
			t.Fatal("got a question within the pause, want none")
		}
		r.pass(1)
		r.reply("down")
	}
	r.pass(5 * time.Second)
	r.reply("1:a,b")
	r.want(news(), "1:a", "1:a,b")
	r.pass(time.Hour)
	if len(r.asked) > 0 {
		t.Error("got a question though all is well, want none")
	}
	r.lookup("down")
	stop()
	r.pass(time.Hour)
	if len(r.asked) > 0 {
		t.Error("got a question though nobody watches, want none")
	}
}

func TestHangingSourceIsNotQueriedTwice(t *testing.T) {
	r := newRig(t)
	_, _, stop := r.follow()
	defer stop()
	got := r.ask()
	r.pass(time.Hour)
	if *got != "down" || len(r.asked) != 1 {
		t.Errorf("got %q and %d questions, want an error and one question", *got, len(r.asked))
	}
	r.watches[0].changed(nil) // that it answers there changes nothing here
	if got := r.lookup2(); got != "down" {
		t.Errorf("got %q, want an error", got)
	}
	r.reply("1:a") // late, and older than what the watch said
	if got := r.lookup("1:b"); got != "1:b" {
		t.Errorf("got %q, want %q", got, "1:b")
	}
}

// lookup2 is a lookup while a question hangs.
func (r *rig) lookup2() string { return *r.ask() }

func TestLists(t *testing.T) {
	r := newRig(t)
	_, _, stop := r.follow()
	defer stop()
	// What a source should not say: nil in a list, one id twice.
	r.watches[0].changed([]*registry.Service{nil, {Name: "greeter", Version: "1", Nodes: []*registry.Node{
		nil, {ID: "a", Address: "a:1"}, {ID: "b", Address: "b:1"}, {ID: "b", Address: "b:2"},
	}}})
	if got := r.lookup(""); got != "1:a,b,b" {
		t.Errorf("got %q, want the nodes without the nil", got)
	}
	r.watches[0].changed(list("1:a"))
	if got := r.lookup(""); got != "1:a,b" {
		t.Errorf("got %q, want b held once", got)
	}
	var first []*registry.Service
	r.Ask("greeter", func(list []*registry.Service, _ error) { first = list })
	first[0] = nil
	if got := r.lookup(""); got != "1:a,b" {
		t.Errorf("got %q, want a slice of the caller", got)
	}
}

// However many nodes disappear within one grace, few are held.
func TestHeldNodesAreBounded(t *testing.T) {
	r := newRig(t)
	_, _, stop := r.follow()
	defer stop()
	for i := range 60 {
		s := &registry.Service{Name: "greeter"}
		for j := range 100 {
			id := fmt.Sprint(i, "-", j)
			s.Nodes = append(s.Nodes, &registry.Node{ID: id, Address: id})
		}
		r.watches[0].changed([]*registry.Service{s})
	}
	if got := r.state(); got.Held != 4096 || got.Nodes != 4196 {
		t.Errorf("got %d held of %d, want 4096 of 4196", got.Held, got.Nodes)
	}
}

func TestSourceWithoutWatch(t *testing.T) {
	v := newRig(t)
	var done func([]*registry.Service, error)
	r, err := cache.NewOf(cache.Source{Name: "plain", Lookup: func(_ string, d func([]*registry.Service, error)) func() {
		done = d
		return nil
	}}, cache.WithClock(&v.virtual))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	stop := r.Follow("greeter", func(list []*registry.Service) { got = append(got, show(list)) }, func(error) {})
	r.Ask("greeter", func([]*registry.Service, error) {})
	done(list("1:a"), nil)
	v.want(got, "1:a")
	stop()
	if r.String() != "cache+plain" {
		t.Errorf("got %q, want cache+plain", r.String())
	}
	if _, err := r.List(t.Context()); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("got %v, want errors.ErrUnsupported", err)
	}
}

func TestCloseEndsEverything(t *testing.T) {
	r := newRig(t)
	_, ended, _ := r.follow()
	var got error
	r.Ask("greeter", func(_ []*registry.Service, err error) { got = err })
	for range 2 {
		if err := r.Close(); err != nil {
			t.Errorf("got %v, want no error", err)
		}
	}
	if !errors.Is(got, cache.ErrClosed) || !errors.Is(*ended, cache.ErrClosed) {
		t.Errorf("got %v and %v, want ErrClosed", got, *ended)
	}
	if r.cancelled != 1 || !r.watches[0].stopped {
		t.Error("got a question or a watch left, want both ended")
	}
	r.open().done(list("1:a"), nil)
	r.watches[0].changed(list("1:a"))
	r.Ask("greeter", func(_ []*registry.Service, err error) { got = err })
	if !errors.Is(got, cache.ErrClosed) || len(r.Inspect().Services) != 0 {
		t.Errorf("got %v and %+v, want ErrClosed and nothing left", got, r.Inspect())
	}
}

// A cache that is closed while the source begins a query or a watch ends both as soon as
// it can: nobody else knows of them.
func TestClosedWhileTheSourceBegins(t *testing.T) {
	var c *cache.Registry
	cancelled, stopped := 0, 0
	source := cache.Source{
		Name: "script",
		Lookup: func(string, func([]*registry.Service, error)) (cancel func()) {
			_ = c.Close() // returns nil
			return func() { cancelled++ }
		},
		Watch: func(string, func([]*registry.Service), func(error)) (stop func()) {
			_ = c.Close() // returns nil
			return func() { stopped++ }
		},
	}
	for _, begin := range []func(){
		func() { c.Ask("greeter", func([]*registry.Service, error) {}) },
		func() { c.Follow("greeter", func([]*registry.Service) {}, func(error) {}) },
	} {
		var err error
		if c, err = cache.NewOf(source); err != nil {
			t.Fatal(err)
		}
		begin()
	}
	if cancelled != 1 || stopped != 1 {
		t.Errorf("got %d queries cancelled and %d watches stopped, want 1 and 1", cancelled, stopped)
	}
}

// A service whose query runs is in use, even if nobody waits for the answer any more: a
// second query must not begin beside it.
func TestServiceThatIsAskedIsInUse(t *testing.T) {
	r := newRig(t, cache.WithMaxServices(1))
	leave := r.Ask("greeter", func([]*registry.Service, error) { t.Error("got an answer after leaving") })
	leave()
	var got error
	other := func() { r.Ask("other", func(_ []*registry.Service, err error) { got = err }) }
	if other(); !errors.Is(got, cache.ErrTooManyServices) {
		t.Errorf("got %v while the query runs, want %v", got, cache.ErrTooManyServices)
	}
	r.reply("not found")
	got = nil
	if other(); got != nil {
		t.Errorf("got %v once the query has ended, want none", got)
	}
}
