// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"cmp"
	"slices"
	"strconv"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
)

// Totals returns the counters.
func (d *Desk) Totals() messages.Totals {
	t := messages.Totals{
		Failed: d.Counters.Failed.Load(), Retries: d.Counters.Retries.Load(),
		Hedges: d.Counters.Hedges.Load(), Late: d.Counters.Late.Load(),
	}
	for _, c := range *d.cells.Load() {
		g := int64(c.gen.Load())
		t.Calls += (g + 1) / 2
		t.Live += g % 2
	}
	return t
}

// Calls returns the calls in flight, oldest first. It reads what their goroutines
// publish and blocks none of them. A call that ends while it is being read is
// left out.
func (d *Desk) Calls(now clock.Instant) []messages.CallInfo {
	var calls []messages.CallInfo
	for _, c := range *d.cells.Load() {
		if info, ok := c.look(now); ok {
			calls = append(calls, info)
		}
	}
	slices.SortFunc(calls, func(a, b messages.CallInfo) int { return cmp.Compare(b.Age, a.Age) })
	return calls
}

// stageName returns the phase that is shown for a call without a live attempt.
func stageName(stage uint32) string {
	switch stage {
	case inEncode:
		return "encode"
	case inBackoff:
		return "backoff"
	default:
		return "pick"
	}
}

func (c *cell) look(now clock.Instant) (messages.CallInfo, bool) {
	ticket := c.gen.Load()
	plan := c.seen.plan.Load()
	if ticket%2 == 0 || plan == nil {
		return messages.CallInfo{}, false
	}
	began, stage := c.seen.at()
	info := messages.CallInfo{
		ID:      c.ref.PID().Id + "#" + strconv.FormatUint(ticket/2, 10),
		Service: plan.Service, Endpoint: plan.Endpoint,
		Age:   now.Sub(began),
		Phase: stageName(stage),
	}
	for i := range c.attempts {
		seen := &c.attempts[i].seen
		begun, phase := seen.at()
		node := seen.node.Load()
		if phase == noAttempt || node == nil {
			continue
		}
		info.Phase = rpcerr.Phase(phase).String()
		info.Attempts = append(info.Attempts, messages.AttemptInfo{
			Node: node.Address, Phase: info.Phase,
			Age: now.Sub(begun),
		})
	}
	return info, c.gen.Load() == ticket
}

// Actors returns the supervisors and attempts of the calls in flight, as
// children of parent.
func (d *Desk) Actors(parent string) []messages.ActorInfo {
	var actors []messages.ActorInfo
	for _, c := range *d.cells.Load() {
		if c.gen.Load()%2 == 0 {
			continue
		}
		id := c.ref.PID().Id
		actors = append(actors, messages.ActorInfo{
			ID: id, Parent: parent, Kind: "supervisor", Depth: int64(c.mail.depth()),
		})
		for i := range c.attempts {
			a := &c.attempts[i]
			if _, phase := a.seen.at(); phase != noAttempt {
				actors = append(actors, messages.ActorInfo{ID: a.ref.PID().Id, Parent: id, Kind: "attempt"})
			}
		}
	}
	return actors
}
