// SPDX-License-Identifier: Apache-2.0

package http

import (
	"sync"
	"time"
)

const (
	// checkEvery is the interval at which a watcher checks the contexts of its waits.
	// The contract of transport.Exclusive allows two milliseconds.
	checkEvery = time.Millisecond
	// fewWaits is up to how many waits a watcher leaves to themselves after fewChecks;
	// more are left to themselves after manyChecks. Few waits are not worth a timer
	// that fires every millisecond.
	fewWaits   = 16
	fewChecks  = 2
	manyChecks = 64
	// keptWaits is the capacity up to which the list of waits is kept while empty.
	keptWaits = 1 << 10
	// watcherCount is how many watchers a transport has, so that not all of its
	// connections wait for one lock.
	watcherCount = 4
)

// watcher notices that the contexts of waits have ended, or that the waits last long.
// It wakes such a wait by a socket deadline that has passed, and forgets it; see
// [link.expired]. One timer serves all waits, and nothing is allocated for a wait:
// context.AfterFunc allocates, and takes a lock that many waits may share.
//
// It runs no code of the context's, which might block, but reads from its channel. The
// zero value is ready for use.
type watcher struct {
	mu     sync.Mutex
	waits  []wait
	checks uint32      // made so far; wraps around
	timer  *time.Timer // nil until the first wait
	ticks  bool        // the timer is running
	wake   []*side     // used only by check
}

// wait is a side that waits.
type wait struct {
	side  *side
	done  <-chan struct{}
	since uint32 // checks when the wait began
}

// notWatched is the seat of a side that is not in its watcher's list.
const notWatched = -1

// add adds a wait whose context is s.ctx. It must be removed later.
func (w *watcher) add(s *side) {
	w.mu.Lock()
	s.seat = len(w.waits)
	w.waits = append(w.waits, wait{s, s.done, w.checks})
	if !w.ticks {
		w.ticks = true
		if w.timer == nil {
			w.timer = time.AfterFunc(checkEvery, w.check) //nolint:forbidigo // it is about sockets, which no simulator has
		} else {
			w.timer.Reset(checkEvery)
		}
	}
	w.mu.Unlock()
}

// remove removes a wait.
func (w *watcher) remove(s *side) {
	w.mu.Lock()
	if s.seat != notWatched {
		w.drop(s.seat)
	}
	w.mu.Unlock()
}

// has reports whether a wait is still in the list.
func (w *watcher) has(s *side) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return s.seat != notWatched
}

// drop removes the wait in a seat. It is called with the lock held.
func (w *watcher) drop(seat int) {
	last := len(w.waits) - 1
	w.waits[seat].side.seat = notWatched
	if seat != last {
		w.waits[seat] = w.waits[last]
		w.waits[seat].side.seat = seat
	}
	w.waits[last] = wait{}
	w.waits = w.waits[:last]
}

// check is called at each interval while there are waits.
func (w *watcher) check() {
	w.mu.Lock()
	w.checks++
	most := uint32(manyChecks)
	if len(w.waits) <= fewWaits {
		most = fewChecks
	}
	for i := len(w.waits) - 1; i >= 0; i-- {
		if t := &w.waits[i]; w.checks-t.since >= most || ended(t.done) {
			w.wake = append(w.wake, t.side)
			w.drop(i)
		}
	}
	w.mu.Unlock()
	for i, s := range w.wake {
		if s.own {
			go s.poke() // it may block, and the other waits must not wait for that
		} else {
			s.poke()
		}
		w.wake[i] = nil
	}
	w.wake = w.wake[:0]
	w.mu.Lock()
	if w.ticks = len(w.waits) > 0; w.ticks {
		w.timer.Reset(checkEvery)
	} else if cap(w.waits) > keptWaits {
		w.waits, w.wake = nil, nil
	}
	w.mu.Unlock()
}

func ended(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}
