// SPDX-License-Identifier: Apache-2.0

package poolkeeper

import (
	"example.com/mailcall/internal/clock"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// dialMore begins as many dials as waiting callers need and the bounds allow.
func (k *keeper) dialMore() {
	for k.state.needDial() {
		k.state.dialing++
		k.publish() // a caller that gives up from now on was waiting for a dial
		k.dial++
		id := k.dial
		cancel := k.Dial(k.Pool.Address, k.state.limits.DialTimeout, func(c transport.Conn, err error) {
			k.self.Tell(messages.Dialled{ID: id, Conn: c, Err: err})
		})
		k.dials[id] = cancel
	}
}

func (k *keeper) dialled(m messages.Dialled) {
	delete(k.dials, m.ID)
	k.state.dialing--
	now := k.Clock.Now()
	if m.Err != nil {
		k.Pool.Stats.DialFailures.Add(1)
		k.undialled(m.Err, now)
		return
	}
	k.Pool.Stats.Dialled.Add(1)
	k.state.open++
	c := messages.NewConn(m.Conn, k.Pool, now, k.expiry(now))
	if k.state.multiplexed = c.Shared != nil; k.state.multiplexed {
		k.share(c, now)
		return
	}
	k.lendOrKeep(c, true)
}

// undialled reports a failed dial to the caller that it was for, or to all
// waiting callers if the connection was to be shared.
func (k *keeper) undialled(err error, now clock.Instant) {
	for {
		w, ok := k.first(now, true)
		if ok {
			w.ReplyTo.Tell(messages.Leased{Ticket: w.Ticket, Attempt: w.Attempt, Phase: rpcerr.PhaseDial, Err: err})
		}
		if !ok || !k.state.multiplexed {
			return
		}
	}
}
