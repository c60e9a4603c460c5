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

// faults decides which fault applies to the next connection or request.
type faults struct {
	mu     sync.Mutex // guards the fields below
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

// next takes the next fault of the script, or makes one of delay and fail rate.
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

// flat returns a copy without the faults that are never applied.
func (s Script) flat() Script {
	return slices.DeleteFunc(slices.Clone(s), func(f Fault) bool {
		return f.count < 1 || f.kind == kindNone
	})
}

// SetScript replaces what is left of the script. Nil removes it.
func (r *Responder) SetScript(s Script) {
	r.faults.mu.Lock()
	defer r.faults.mu.Unlock()
	r.faults.script = s.flat()
}

// ScriptLeft returns how many faults of the script have not been applied yet.
func (r *Responder) ScriptLeft() int {
	r.faults.mu.Lock()
	defer r.faults.mu.Unlock()
	left := 0
	for _, f := range r.faults.script {
		left += f.count
	}
	return left
}

// SetDelay delays every request without a scripted fault by d; 0 or less is none.
func (r *Responder) SetDelay(d time.Duration) {
	r.faults.mu.Lock()
	defer r.faults.mu.Unlock()
	r.faults.delay = d
}

// SetFailRate answers a share of the requests without a scripted fault with [Error]
// of code 503: none at 0, which is the default, all at 1. Which ones depends on
// [WithSeed].
func (r *Responder) SetFailRate(rate float64) {
	r.faults.mu.Lock()
	defer r.faults.mu.Unlock()
	r.faults.rate = rate
}

// Pause holds every request that arrives from now on, as if the process had been
// stopped: connections are accepted, but nothing is answered. Deadlines go on.
func (r *Responder) Pause() {
	r.faults.mu.Lock()
	defer r.faults.mu.Unlock()
	if r.faults.held == nil {
		r.faults.held = make(chan struct{})
	}
}

// Resume serves the requests that Pause has held.
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
