// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"sync"
	"sync/atomic"

	"example.com/mailcall/messages"
)

// Receivers inside a cell: the attempts by their slot, then the supervisor.
const toSupervisor = slots

// envelope is a message together with the actor of the cell that it is for.
type envelope struct {
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
	inside     [insideBound]envelope
	head, tail int

	some    atomic.Bool // outside may not be empty
	mu      sync.Mutex
	outside []envelope
}

// put adds an envelope from inside. Only the goroutine that runs the cell may call
// it.
func (b *mailbox) put(to int, body any) {
	b.inside[b.tail%insideBound] = envelope{to: to, body: body}
	b.tail++
}

// within reports whether an envelope from inside is pending. Only the goroutine
// that runs the cell may call it.
func (b *mailbox) within() bool { return b.head != b.tail }

// forget drops the envelopes from inside. Only the goroutine that runs the cell
// may call it.
func (b *mailbox) forget() { b.head, b.tail = 0, 0 }

// next returns the next envelope; those from inside go first.
func (b *mailbox) next() (envelope, bool) {
	if b.within() {
		e := b.inside[b.head%insideBound]
		if b.head++; b.head == b.tail {
			b.head, b.tail = 0, 0 // reuse the entries that are in the cache
		}
		return e, true
	}
	if !b.some.Load() {
		return envelope{}, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.outside) == 0 {
		return envelope{}, false
	}
	e := b.outside[0]
	b.outside[0] = envelope{}
	b.outside = b.outside[1:]
	if len(b.outside) == 0 {
		b.outside = nil
		b.some.Store(false)
	}
	return e, true
}

// post adds an envelope from outside. Any goroutine may call it.
func (b *mailbox) post(e envelope) {
	b.mu.Lock()
	b.outside = append(b.outside, e)
	b.some.Store(true)
	b.mu.Unlock()
}

// take removes and returns all envelopes from outside that match accepts.
func (b *mailbox) take(match func(envelope) bool) (taken []envelope) {
	b.mu.Lock()
	defer b.mu.Unlock()
	kept := b.outside[:0]
	for _, e := range b.outside {
		if match(e) {
			taken = append(taken, e)
		} else {
			kept = append(kept, e)
		}
	}
	clear(b.outside[len(kept):])
	b.outside = kept
	b.some.Store(len(kept) > 0)
	return taken
}

// depth returns how many envelopes from outside are pending.
func (b *mailbox) depth() int {
	if !b.some.Load() {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.outside)
}
