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

// A script is lookups one after another. pass goes by before the lookup;
// source is what the source answers, "" that it must not be asked.
type script []struct {
	pass         time.Duration
	source, want string
}

func TestLookups(t *testing.T) {
	for name, tc := range map[string]struct {
		opts   []cache.Option
		script script
	}{
		"a list is served until the TTL": {nil, script{
			{0, "1:a", "1:a"}, {0, "", "1:a"}, {time.Minute - 1, "", "1:a"}, {1, "1:a,b", "1:a,b"}, {time.Second, "", "1:a,b"},
		}},
		"that there is nothing is always fresh": {nil, script{
			{0, "not found", "not found"}, {0, "gone", "not found"}, {0, "1:", "1:"}, {0, "1:", "1:"}, {0, "1:a", "1:a"}, {0, "", "1:a"},
		}},
		"a failing source is asked once in a pause": {nil, script{
			{0, "1:a", "1:a"}, {time.Minute, "down", "1:a"}, {5*time.Second - 1, "", "1:a"}, {1, "down", "1:a"}, {1, "", "1:a"},
		}},
		"without a list the pause grows": {[]cache.Option{cache.WithPause(64 * time.Second)}, script{
			{0, "down", "down"}, {0, "down", "down"}, {time.Second - 1, "", "down"}, {1, "down", "down"},
			{2*time.Second - 1, "", "down"}, {1, "down", "down"}, {4 * time.Second, "down", "down"}, {8 * time.Second, "down", "down"},
			{16 * time.Second, "down", "down"}, {32*time.Second - 1, "", "down"}, {1, "down", "down"},
			{64*time.Second - 1, "", "down"}, {1, "down", "down"}, {64*time.Second - 1, "", "down"},
			{1, "not found", "not found"}, {0, "down", "down"}, {0, "1:a", "1:a"},
		}},
		"the last list is served while the source fails": {nil, script{
			{0, "1:a", "1:a"}, {time.Minute, "down", "1:a"}, {0, "", "1:a"}, {5*time.Second - 1, "", "1:a"},
			{time.Second, "down", "1:a"}, {time.Hour, "down", "1:a"}, {time.Hour, "1:b", "1:a"}, {0, "", "1:b,a"},
		}},
		"a list without nodes is not served while the source fails": {nil, script{
			{0, "1:", "1:"}, {0, "down", "down"}, {0, "down", "down"}, {0, "", "down"},
		}},
		"an empty answer of a source that was failing is not believed": {nil, script{
			{0, "1:a,b", "1:a,b"}, {time.Minute, "down", "1:a,b"},
			{5 * time.Second, "gone", "1:a,b"}, {0, "", "1:a,b"}, {5*time.Second - 1, "", "1:a,b"},
			{1, "1:a", "1:a,b"}, // the doubt is over, b is held
			{0, "", "1:a,b"}, {10 * time.Second, "", "1:a"},
		}},
		"nor is not found, until it is confirmed": {nil, script{
			{0, "1:a", "1:a"}, {time.Minute, "down", "1:a"},
			{5 * time.Second, "not found", "1:a"}, {5*time.Second - 1, "", "1:a"},
			{1, "not found", "1:a"}, // served at once; the next sees what came
			{0, "not found", "not found"},
		}},
		"nor are versions without nodes, and a failure makes it begin again": {nil, script{
			{0, "1:a", "1:a"}, {time.Minute, "down", "1:a"},
			{5 * time.Second, "1:", "1:a"}, {5 * time.Second, "down", "1:a"},
			{5 * time.Second, "1:", "1:a"}, {5 * time.Second, "1:", "1:a"}, {0, "1:", "1:"},
		}},
		"the first answer is believed, empty or not": {nil, script{
			{0, "down", "down"}, {0, "not found", "not found"}, {0, "1:", "1:"},
		}},
		"an empty answer of a sound source is a removal": {nil, script{
			{0, "1:a", "1:a"}, {time.Minute, "not found", "1:a"}, {10*time.Second - 1, "", "1:a"}, {1, "not found", "not found"},
		}},
		"additions at once, removals after the grace": {nil, script{
			{0, "1:a,b", "1:a,b"}, {time.Minute, "1:c,a", "1:c,a,b"}, {10*time.Second - 1, "", "1:c,a,b"}, {1, "", "1:c,a"},
		}},
		"removals by a second list": {[]cache.Option{cache.WithTTL(time.Second / 2)}, script{
			{0, "1:a,b", "1:a,b"}, {time.Second / 2, "1:a", "1:a,b"},
			{time.Second / 2, "1:a", "1:a,b"}, // too soon after the first
			{time.Second / 2, "1:a", "1:a"},
		}},
		"a node that comes back was never away": {nil, script{
			{0, "1:a,b", "1:a,b"}, {time.Minute, "1:a", "1:a,b"}, {time.Minute, "1:a,b", "1:a,b"}, {20 * time.Second, "", "1:a,b"},
		}},
		"no grace": {[]cache.Option{cache.WithGrace(0)}, script{
			{0, "1:a,b", "1:a,b"}, {time.Minute, "1:b", "1:b"}, {time.Minute, "gone", "not found"},
		}},
		"a grace may end before the source fails": {nil, script{
			{0, "1:a,b", "1:a,b"}, {time.Minute, "1:a", "1:a,b"}, {time.Minute, "down", "1:a"},
		}},
		"versions": {nil, script{
			{0, "1:a 2:b", "1:a 2:b"}, {time.Minute, "2:c", "2:c,b 1:a"}, {0, "", "2:c,b 1:a"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, tc.opts...)
			for i, step := range tc.script {
				r.pass(step.pass)
				if got := r.lookup(step.source); got != step.want {
					t.Fatalf("step %d: got %q, want %q", i+1, got, step.want)
				}
			}
		})
	}
}

// A removal that began before the source failed is not finished while it
// fails.
func TestGraceWaitsForASoundSource(t *testing.T) {
	r := newRig(t, cache.WithTTL(2*time.Second))
	r.lookup("1:a,b")
	r.pass(2 * time.Second)
	r.lookup("1:a")
	r.pass(2 * time.Second)
	if got := r.lookup("down"); got != "1:a,b" {
		t.Errorf("got %q, want %q", got, "1:a,b")
	}
	r.pass(time.Hour)
	if got := r.lookup("down"); got != "1:a,b" {
		t.Errorf("got %q, want %q an hour later", got, "1:a,b")
	}
	r.pass(time.Hour)
	r.lookup("1:a")
	if got := r.lookup(""); got != "1:a" {
		t.Errorf("got %q, want %q after the second list without b", got, "1:a")
	}
}

// The planted bug planted_empty_list_applied fails here.
func TestEmptyListOfAnUnhealthySourceIsNotApplied(t *testing.T) {
	r := newRig(t)
	r.lookup("1:a,b")
	r.pass(time.Minute)
	r.lookup("down")
	for range 100 {
		r.pass(5 * time.Second)
		r.lookup("not found")
		if got := r.lookup(""); got != "1:a,b" {
			t.Fatalf("got %q from a registry that was failing, want %q", got, "1:a,b")
		}
		r.pass(5 * time.Second)
		r.lookup("down")
	}
}

// What failed was another service: the source is unwell all the same.
func TestFailureOfAnotherServiceMakesDoubt(t *testing.T) {
	r := newRig(t)
	r.lookup("1:a")
	r.Ask("billing", func(_ []*registry.Service, err error) {
		if !errors.Is(err, errDown) {
			t.Errorf("got %v, want the error of the source", err)
		}
	})
	r.reply("down")
	r.pass(time.Minute)
	if got := r.lookup("not found"); got != "1:a" {
		t.Errorf("got %q, want %q", got, "1:a")
	}
	// It goes on failing there; here the confirmation counts.
	r.Ask("billing", func([]*registry.Service, error) {})
	r.reply("down")
	r.pass(5 * time.Second)
	r.lookup("not found")
	if got := r.lookup("not found"); got != "not found" {
		t.Errorf("got %q, want it confirmed", got)
	}
}

func TestLookupsShareOneQuery(t *testing.T) {
	r := newRig(t)
	first, second := r.ask(), r.ask()
	third := new(string)
	leave := r.Ask("greeter", func(list []*registry.Service, err error) { *third = result(t, list, err) })
	leave()
	leave()
	if got := r.state(); !got.Asking || got.Waiting != 2 || got.Lookups != 3 || got.Asks != 1 {
		t.Errorf("got %+v, want two of three waiting for one question", got)
	}
	r.reply("1:a")
	if *first != "1:a" || *second != "1:a" || *third != "" {
		t.Errorf("got %q, %q and %q, want 1:a twice and nothing for who left", *first, *second, *third)
	}
}

// A source that hangs is given up on, and not asked twice.
func TestLookupTimeout(t *testing.T) {
	r := newRig(t)
	got := r.ask()
	r.pass(5*time.Second - 1)
	if *got != "" {
		t.Errorf("got %q, want nothing yet", *got)
	}
	r.pass(1)
	if *got != "down" || r.cancelled != 1 {
		t.Errorf("got %q and %d cancelled, want it to fail and be cancelled", *got, r.cancelled)
	}
	late := r.open()
	r.pass(time.Hour)
	if got := r.lookup(""); got != "down" {
		t.Errorf("got %q, want an error and no second question", got)
	}
	if got := r.state(); !got.Overdue || got.Failures != 1 {
		t.Errorf("got %+v, want it overdue after one failure", got)
	}
	late.done(nil, errDown)
	if got := r.state(); got.Overdue || got.Failures != 1 {
		t.Errorf("got %+v, want one failure, counted once", got)
	}
	if got := r.lookup("1:a"); got != "1:a" {
		t.Errorf("got %q, want %q", got, "1:a")
	}
}

// With a list nobody waits for a source that is failing.
func TestStaleListIsServedBeforeTheSourceAnswers(t *testing.T) {
	r := newRig(t)
	r.lookup("1:a")
	r.pass(time.Minute)
	got := r.ask()
	r.pass(5 * time.Second)
	if *got != "1:a" {
		t.Errorf("got %q at the timeout, want %q", *got, "1:a")
	}
	r.open().done(nil, errDown)
	r.pass(time.Minute)
	if got := r.ask(); *got != "1:a" {
		t.Errorf("got %q, want %q at once", *got, "1:a")
	}
	r.reply("1:b")
	if got := r.lookup(""); got != "1:b,a" {
		t.Errorf("got %q, want %q", got, "1:b,a")
	}
}

func TestExpire(t *testing.T) {
	r := newRig(t)
	r.Expire("greeter") // unknown: nothing to do
	r.lookup("1:a")
	r.Expire("greeter") // asked just now
	r.lookup("")
	r.pass(5 * time.Second)
	r.Expire("greeter")
	if got := r.state(); !got.Stale {
		t.Errorf("got %+v, want it stale", got)
	}
	if got := r.lookup("1:b"); got != "1:b,a" {
		t.Errorf("got %q, want %q", got, "1:b,a")
	}
}

func TestServicesAreBounded(t *testing.T) {
	r := newRig(t, cache.WithMaxServices(2))
	ask := func(name string) (err error) {
		r.Ask(name, func(_ []*registry.Service, e error) { err = e })
		return err
	}
	stop := r.Follow("watched", func([]*registry.Service) {}, func(err error) { t.Errorf("got %v, want no end", err) })
	_ = ask("used")
	r.reply("1:a")
	err := ask("third")
	if !errors.Is(err, cache.ErrTooManyServices) || errors.Is(err, registry.ErrNotFound) || !strings.Contains(err.Error(), `"third"`) {
		t.Errorf("got %v, want ErrTooManyServices that names it", err)
	}
	var ended error
	r.Follow("third", func([]*registry.Service) {}, func(err error) { ended = err })
	if !errors.Is(ended, cache.ErrTooManyServices) {
		t.Errorf("got %v, want ErrTooManyServices", ended)
	}
	r.pass(time.Minute)
	_ = ask("third") // used was not asked for a while
	r.reply("not found")
	for i := range 10 {
		_ = ask(fmt.Sprint("absent", i)) // what does not exist makes room
		r.reply("not found")
	}
	stop()
	_ = ask("another")
	r.reply("1:a")
	if got := r.Inspect().Services; len(got) != 2 || got[0].Name != "absent9" || got[1].Name != "another" {
		t.Errorf("got %+v, want absent9 and another", got)
	}
}

func TestInspect(t *testing.T) {
	r := newRig(t)
	r.lookup("1:a,b")
	r.pass(time.Minute)
	r.lookup("1:a")
	r.pass(time.Second)
	if got := r.state(); got.Nodes != 2 || got.Held != 1 || !got.Known || got.Age != time.Second || got.Stale || got.Doubt || got.Err != nil {
		t.Errorf("got %+v, want two nodes of a second ago, one held", got)
	}
	r.pass(time.Minute)
	r.lookup("down")
	r.pass(time.Second)
	got := r.state()
	if !got.Stale || got.Age != time.Minute+2*time.Second || got.Failures != 1 || !errors.Is(got.Err, errDown) || got.AskAgainIn != 4*time.Second {
		t.Errorf("got %+v, want it stale for the reason of the source, asked again in 4s", got)
	}
	all := r.Inspect()
	if all.Source != "script" || all.Failures != 1 || !errors.Is(all.LastError, errDown) || all.SinceFailure != time.Second {
		t.Errorf("got %+v, want one failure a second ago", all)
	}
	r.pass(4 * time.Second)
	r.lookup("gone")
	if got := r.state(); !got.Doubt || !got.Stale || got.AskAgainIn != 5*time.Second {
		t.Errorf("got %+v, want a doubt for 5s", got)
	}
}

func TestOptionsOutOfRange(t *testing.T) {
	_, err := cache.NewOf(cache.Source{Lookup: func(string, func([]*registry.Service, error)) func() { return nil }},
		cache.WithTTL(0), cache.WithPause(-1), cache.WithGrace(-1), cache.WithLookupTimeout(0),
		cache.WithMaxServices(0), cache.WithClock(nil), nil)
	for _, name := range []string{"WithTTL", "WithPause", "WithGrace", "WithLookupTimeout", "WithMaxServices", "WithClock"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want an error that names %s", err, name)
		}
	}
	if _, err := cache.NewOf(cache.Source{}); err == nil {
		t.Error("got no error for a source without Lookup, want one")
	}
	if _, err := cache.New(nil); err == nil {
		t.Error("got no error for nil, want one")
	}
}
