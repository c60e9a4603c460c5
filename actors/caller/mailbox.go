// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"sync"
	"sync/atomic"

	"example.com/mailcall/messages"
)

// Receivers inside a cell: the attempts by their slot, then the supervisor.
const toSupervisor = slots

// letter is a message to one of the actors of a cell.
type letter struct {
	to     int
	ticket messages.Ticket // 0: from inside the cell
	body   any
}

// insideBound is the most messages that the actors of one cell can have pending
// for each other: a Begin, and a Try or AttemptEnded for each slot.
const insideBound = 4

// mailbox holds the messages of one cell. Those that its actors send each other
// need no lock, because one goroutine runs them all. Messages from outside are
// guarded by a mutex; a call on a warm connection receives none.
type mailbox struct {
	inside     [insideBound]letter
	head, tail int

	some    atomic.Bool // outside may not be empty
	mu      sync.Mutex
	outside []letter
}

// put adds a letter from inside. Only the goroutine that runs the cell may call
// it.
func (b *mailbox) put(to int, body any) {
	b.inside[b.tail%insideBound] = letter{to: to, body: body}
	b.tail++
}

// within reports whether a letter from inside is pending. Only the goroutine
// that runs the cell may call it.
func (b *mailbox) within() bool { return b.head != b.tail }

// forget drops the letters from inside. Only the goroutine that runs the cell
// may call it.
func (b *mailbox) forget() { b.head, b.tail = 0, 0 }

// next returns the next letter; those from inside go first.
func (b *mailbox) next() (letter, bool) {
	if b.within() {
		l := b.inside[b.head%insideBound]
		if b.head++; b.head == b.tail {
			b.head, b.tail = 0, 0 // reuse the entries that are in the cache
		}
		return l, true
	}
	if !b.some.Load() {
		return letter{}, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.outside) == 0 {
		return letter{}, false
	}
	l := b.outside[0]
	b.outside[0] = letter{}
	b.outside = b.outside[1:]
	if len(b.outside) == 0 {
		b.outside = nil
		b.some.Store(false)
	}
	return l, true
}

// post adds a letter from outside. Any goroutine may call it.
func (b *mailbox) post(l letter) {
	b.mu.Lock()
	b.outside = append(b.outside, l)
	b.some.Store(true)
	b.mu.Unlock()
}

// take removes and returns all letters from outside that match accepts.
func (b *mailbox) take(match func(letter) bool) (taken []letter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	kept := b.outside[:0]
	for _, l := range b.outside {
		if match(l) {
			taken = append(taken, l)
		} else {
			kept = append(kept, l)
		}
	}
	clear(b.outside[len(kept):])
	b.outside = kept
	b.some.Store(len(kept) > 0)
	return taken
}

// depth returns how many letters from outside are pending.
func (b *mailbox) depth() int {
	if !b.some.Load() {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.outside)
}
