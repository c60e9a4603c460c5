// SPDX-License-Identifier: Apache-2.0

package mailcalltest

import (
	"net/http"
	"slices"
	"sync"
	"time"

	"example.com/mailcall/internal/dice"
)

const (
	defaultSeed = 1
	faultDetail = "injected fault"
)

func diceFrom(seed uint64) dice.Dice { return dice.NewSource(seed).Dice() }

// faults decides which fault the next connection or request meets.
type faults struct {
	mu     sync.Mutex // guards all below
	script Script
	delay  time.Duration
	rate   float64
	dice   dice.Dice
	held   chan struct{} // nil unless paused; closed by Resume
}

// onConnection and onRequest say what asks for its fault.
const (
	onConnection = true
	onRequest    = false
)

// next takes the next fault of the script, or makes one of the steady modes.
func (f *faults) next(connection bool) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.script) > 0 {
		head := &f.script[0]
		if (head.kind == kindRefuse) == connection {
			fault := *head
			if head.count--; head.count < 1 {
				f.script = f.script[1:]
			}
			return fault
		}
	}
	switch {
	case connection:
		return Fault{}
	case f.rate > 0 && f.dice.Float() < f.rate:
		return Error(http.StatusServiceUnavailable)
	case f.delay > 0:
		return Fault{kind: kindDelay, delay: f.delay}
	}
	return Fault{}
}

// flat is a copy without the faults that are never met.
func (s Script) flat() Script {
	return slices.DeleteFunc(slices.Clone(s), func(f Fault) bool {
		return f.count < 1 || f.kind == kindNone
	})
}

// SetScript replaces what is left of the script. Nil ends it.
func (r *Responder) SetScript(s Script) {
	r.faults.mu.Lock()
	defer r.faults.mu.Unlock()
	r.faults.script = s.flat()
}

// ScriptLeft is how many faults of the script were not met yet.
func (r *Responder) ScriptLeft() int {
	r.faults.mu.Lock()
	defer r.faults.mu.Unlock()
	left := 0
	for _, f := range r.faults.script {
		left += f.count
	}
	return left
}

// SetDelay has every request that the script does not touch begin d later;
// 0 or less ends that.
func (r *Responder) SetDelay(d time.Duration) {
	r.faults.mu.Lock()
	defer r.faults.mu.Unlock()
	r.faults.delay = d
}

// SetFailRate answers a share of the requests that the script does not touch
// with [Error] of code 503: none at 0, which is the default, all at 1. Which
// ones is rolled with the dice of [WithSeed].
func (r *Responder) SetFailRate(rate float64) {
	r.faults.mu.Lock()
	defer r.faults.mu.Unlock()
	r.faults.rate = rate
}

// Pause holds every request that arrives from now on, like a process that was
// stopped: connections are accepted, nothing is answered. Deadlines run on.
func (r *Responder) Pause() {
	r.faults.mu.Lock()
	defer r.faults.mu.Unlock()
	if r.faults.held == nil {
		r.faults.held = make(chan struct{})
	}
}

// Resume lets the requests that Pause held go on.
func (r *Responder) Resume() {
	r.faults.mu.Lock()
	defer r.faults.mu.Unlock()
	if r.faults.held != nil {
		close(r.faults.held)
		r.faults.held = nil
	}
}

// hold waits while the responder is paused. It reports whether the request
// may go on.
func (f *faults) hold(gone <-chan struct{}) bool {
	f.mu.Lock()
	held := f.held
	f.mu.Unlock()
	if held == nil {
		return true
	}
	select {
	case <-held:
		return true
	case <-gone:
		return false
	}
}
