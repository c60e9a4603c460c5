// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"fmt"
	"reflect"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/planted"
	"example.com/mailcall/registry"
)

// rules are the times by which a state decides.
type rules struct{ ttl, pause, grace time.Duration }

// state is what is believed about one service. It decides, and talks to
// nobody: the time, and how often the source has failed, come in as arguments.
type state struct {
	rules
	// known says that the source has answered; list is what it said last of
	// what was believed, nil for a service that does not exist, and at is when.
	known bool
	list  []*registry.Service
	at    clock.Instant
	// held are nodes that list does not have any more. visible is list with
	// them: what callers get. Its records and itself are never changed.
	held    []held
	visible []*registry.Service
	// expired says that the list is to be looked up again, whatever its age.
	expired bool
	// failures counts those in a row, err is the last and failedAt its time.
	failures int
	err      error
	failedAt clock.Instant
	// next is the first instant at which the source may be asked again.
	next clock.Instant
	// trusted is the source's count of failures when it was last believed. An
	// empty answer while it has counted on is not believed; emptyAt is when the
	// first of these came.
	trusted uint64
	emptyAt clock.Instant
}

// verdict is what a lookup is to do.
type verdict int

const (
	serve        verdict = iota // answer from memory
	serveAndAsk                 // that, and ask the source for the next
	askAndAnswer                // ask the source and wait for it
	refuse                      // there is nothing to answer from, and it is not time to ask
)

// judge decides a lookup.
func (s *state) judge(now clock.Instant) verdict {
	due := now >= s.next
	switch {
	case nodes(s.visible) == 0:
		if !due && s.err != nil {
			return refuse
		}
		return askAndAnswer // that there is nothing is always fresh
	case !s.healthy():
		if due {
			return serveAndAsk
		}
		return serve
	case s.expired || now >= s.at.Add(s.ttl):
		return askAndAnswer
	default:
		return serve
	}
}

// healthy is false while the source cannot be believed about this service.
func (s *state) healthy() bool { return s.failures == 0 && s.emptyAt == 0 }

// failed takes a failure of the source into account.
func (s *state) failed(err error, now clock.Instant) {
	s.failures++
	s.err, s.failedAt = err, now
	s.next = now.Add(s.rest())
	s.emptyAt = 0 // a confirmation counts from the answer after it
}

// rest is how long the source is not asked after a failure. Who has no list to
// go on with suffers from it, so it grows from nothing to the pause.
func (s *state) rest() time.Duration {
	const doublings = 6
	switch {
	case nodes(s.visible) > 0 || s.failures > doublings+1:
		return s.pause
	case s.failures == 1:
		return 0
	default:
		return s.pause >> (doublings + 2 - s.failures)
	}
}

// answered takes a list of the source into account, nil for a service that
// does not exist; sourceFailures is how often the source has failed so far. It
// reports whether what callers see has changed.
func (s *state) answered(list []*registry.Service, sourceFailures uint64, now clock.Instant) (changed bool) {
	doubtful := nodes(list) == 0 && nodes(s.visible) > 0 && s.trusted != sourceFailures
	confirmed := doubtful && planted.EmptyListApplied
	if doubtful && !confirmed {
		s.failures, s.err = 0, nil // it did answer
		if s.emptyAt == 0 {
			s.emptyAt = now
			s.next = now.Add(s.pause)
		}
		if now < s.emptyAt.Add(s.pause) {
			return false
		}
		confirmed = true
	}
	if confirmed {
		s.held = nil
	} else {
		s.damp(list, now)
	}
	s.known, s.list, s.at = true, list, now
	s.failures, s.err, s.next = 0, nil, 0
	s.expired, s.emptyAt, s.trusted = false, 0, sourceFailures
	return s.show()
}

// settle lets go of the nodes whose grace is over and reports whether what
// callers see has changed. While the source is not healthy they stay.
func (s *state) settle(now clock.Instant) (changed bool) {
	if !s.healthy() || !s.release(now) {
		return false
	}
	return s.show()
}

// wake returns when something is to be done for those who watch: a grace
// ends, or the source is to be asked again because it did not answer well. 0
// is never.
func (s *state) wake() clock.Instant {
	if !s.healthy() {
		return s.next
	}
	return s.graceEnds()
}

// show makes what callers see and reports whether it has changed.
func (s *state) show() (changed bool) {
	next := s.withHeld()
	if reflect.DeepEqual(next, s.visible) {
		return false
	}
	s.visible = next
	return true
}

// refused is the error for [refuse].
func (s *state) refused(service string, now clock.Instant) error {
	if s.err == nil {
		return fmt.Errorf("service %q: the question before this one is not answered yet", service)
	}
	return fmt.Errorf("service %q: failed %s ago, to be asked again in %s: %w",
		service, round(now.Sub(s.failedAt)), round(s.next.Sub(now)), s.err)
}

func round(d time.Duration) time.Duration { return max(d, 0).Round(time.Millisecond) }

// nodes counts.
func nodes(list []*registry.Service) (n int) {
	for _, s := range list {
		n += len(s.Nodes)
	}
	return n
}
