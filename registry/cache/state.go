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

// rules are the durations by which a state decides.
type rules struct{ ttl, pause, grace time.Duration }

// state is what the cache knows about one service. It only decides: the time, and
// how often the source has failed, are arguments.
type state struct {
	rules
	// known says that the source has answered; list is the last answer that was
	// applied, nil for a service that does not exist, and at is when.
	known bool
	list  []*registry.Service
	at    clock.Instant
	// held are nodes that are no longer in list. visible is list with them, which
	// is what callers get; neither it nor its records are ever modified.
	held    []held
	visible []*registry.Service
	// expired says that the list has to be looked up again, whatever its age.
	expired bool
	// failures counts the failures in a row; err is the last one, failedAt its time.
	failures int
	err      error
	failedAt clock.Instant
	// next is the first instant at which the source may be queried again.
	next clock.Instant
	// trusted is the source's count of failures at the last answer that was
	// applied. If the count has grown since, an empty answer needs confirmation;
	// emptyAt is when the first of these arrived.
	trusted uint64
	emptyAt clock.Instant
}

// verdict is how a lookup is answered.
type verdict int

const (
	serve        verdict = iota // answer from memory
	serveAndAsk                 // answer from memory, and query the source
	askAndAnswer                // query the source and wait for it
	refuse                      // return an error: there is no list, and no query is due
)

// judge decides how a lookup is answered.
func (s *state) judge(now clock.Instant) verdict {
	due := now >= s.next
	switch {
	case nodes(s.visible) == 0:
		if !due && s.err != nil {
			return refuse
		}
		return askAndAnswer // that there are no nodes is never served from memory
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

// healthy reports whether the source's answers for this service can be trusted.
func (s *state) healthy() bool { return s.failures == 0 && s.emptyAt == 0 }

// failed records a failure of the source.
func (s *state) failed(err error, now clock.Instant) {
	s.failures++
	s.err, s.failedAt = err, now
	s.next = now.Add(s.rest())
	s.emptyAt = 0 // the wait for a confirmation begins again
}

// rest returns how long the source is not queried after a failure. Without a list
// callers get errors meanwhile, so then it grows from nothing to the pause.
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

// answered handles a list from the source, nil for a service that does not exist;
// sourceFailures is how often the source has failed so far. It reports whether
// what callers see has changed.
func (s *state) answered(list []*registry.Service, sourceFailures uint64, now clock.Instant) (changed bool) {
	doubtful := nodes(list) == 0 && nodes(s.visible) > 0 && s.trusted != sourceFailures
	confirmed := doubtful && planted.EmptyListApplied
	if doubtful && !confirmed {
		s.failures, s.err = 0, nil // it is an answer all the same
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

// settle removes the nodes whose grace period is over, unless the source is not
// healthy, and reports whether what callers see has changed.
func (s *state) settle(now clock.Instant) (changed bool) {
	if !s.healthy() || !s.release(now) {
		return false
	}
	return s.show()
}

// wake returns when something has to be done for the watchers: a grace period
// ends, or the source is queried again after a failure or an empty answer. 0 is
// never.
func (s *state) wake() clock.Instant {
	if !s.healthy() {
		return s.next
	}
	return s.graceEnds()
}

// show updates what callers see and reports whether it has changed.
func (s *state) show() (changed bool) {
	next := s.withHeld()
	if reflect.DeepEqual(next, s.visible) {
		return false
	}
	s.visible = next
	return true
}

// refused returns the error of a lookup that is refused.
func (s *state) refused(service string, now clock.Instant) error {
	if s.err == nil {
		return fmt.Errorf("service %q: the question before this one is not answered yet", service)
	}
	return fmt.Errorf("service %q: failed %s ago, to be asked again in %s: %w",
		service, round(now.Sub(s.failedAt)), round(s.next.Sub(now)), s.err)
}

func round(d time.Duration) time.Duration { return max(d, 0).Round(time.Millisecond) }

// nodes returns the number of nodes in the list.
func nodes(list []*registry.Service) (n int) {
	for _, s := range list {
		n += len(s.Nodes)
	}
	return n
}
