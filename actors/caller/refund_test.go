// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"context"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"example.com/mailcall/actors/internal/actortest"
	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/dice"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
)

// unwished is the exchange of a call without a retry function.
type unwished struct{ Exchange }

func (unwished) Retry(int, error) (messages.Wish, time.Duration, error) {
	return messages.NoWish, -1, nil
}

// The budget has paid for a hedge, and the attempt that it was to race ends
// before the answer is there: the token goes back, and before anything else is
// asked.
func TestHedgeGrantedInVain(t *testing.T) {
	system := actor.NewActorSystem()
	defer system.Shutdown()
	service := &messages.Service{Name: "greeter"}
	hedge := messages.Judged{Again: true, Why: "hedge", Spent: service}
	none := messages.Judged{Why: "no hedge"}
	for _, tc := range []struct {
		name    string
		m       messages.Judged
		over    bool // the call; else only its first attempt
		refunds int
		judges  int
	}{
		{"the attempt failed", hedge, false, 1, 1},
		{"the attempt failed, and there is no hedge", none, false, 0, 1},
		{"the call is over", hedge, true, 1, 0},
		{"the call is over, and there is no hedge", none, true, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var retrier actortest.Inbox
			pid, _ := system.ProcessRegistry.Add(&retrier, tc.name)
			d := NewDesk(Config{
				System: system, Name: tc.name, Clock: clock.Real(), Dice: dice.NewSource(1), MaxCalls: blockSize,
				Retrier: messages.NewRef[messages.RetrierMessage](system, pid),
			})
			c, err := d.take()
			if err != nil {
				t.Fatal(err)
			}
			defer d.Vacate()
			c.ctx, c.plan, c.exchange = context.Background(), &Plan{Attempts: 3, Idempotent: true}, unwished{}
			c.sup.service = service
			c.sup.ended = messages.AttemptEnded{Proof: rpcerr.SentUnknown, Err: errFault}
			c.sup.state = state{plan: c.plan, started: 1, judging: aboutHedge}
			tc.m.Ticket = c.ticket
			if tc.over {
				c.free()
			}
			c.ref.Tell(tc.m)
			if !tc.over {
				c.run()
			}
			if len(retrier) != tc.refunds+tc.judges || tc.refunds > 0 && retrier[0] != any(messages.Refund{Service: service}) {
				t.Errorf("got %+v told to the retrier, want %d refunds, then %d questions", retrier, tc.refunds, tc.judges)
			}
		})
	}
}
