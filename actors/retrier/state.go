// SPDX-License-Identifier: Apache-2.0

package retrier

import (
	"fmt"
	"math"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/dice"
	"example.com/mailcall/internal/planted"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
)

// state decides: it has the rule of the budget and draws the jitter.
type state struct {
	budget messages.Budget
	dice   dice.Dice
	owed   float64 // only with a planted bug
}

// judge decides one case. It checks and debits the budget in one step, because a
// single actor does both before it takes the next case.
func (s *state) judge(service *messages.Service, c messages.Case, now clock.Instant) messages.Judged {
	if c.Hedge {
		return s.hedge(service, c, now)
	}
	if c.Attempts >= c.Max {
		return stop("stop: all %d attempts are used", c.Max)
	}
	if c.NoAddress {
		return stop("stop: no node has an address that can be dialled")
	}
	if c.Wanted == messages.WantStop {
		return stop("stop: the retry function says so")
	}
	if c.Pushback < 0 {
		return stop("stop: the server wants no other attempt")
	}
	if c.Wanted == messages.NoWish {
		switch {
		case c.Proof == rpcerr.Executed:
			return stop("stop: the service answered")
		case c.Proof == rpcerr.SentUnknown && !c.Idempotent:
			return stop("stop: it may have been executed and is not declared idempotent")
		}
	}
	after := s.wait(c)
	if c.Remaining > 0 && after >= c.Remaining && !planted.BackoffIgnoresDeadline {
		return stop("stop: a backoff of %s would end after the deadline", after.Round(time.Millisecond))
	}
	// A request that was never sent put no load on a server: its retry is free.
	var payer *messages.Service
	if c.Proof != rpcerr.NotSent {
		payer = service
		if left, ok := s.spend(service, now); !ok {
			return stop("stop: the retry budget of %s is used up (%.1f of %.0f tokens)", service.Name, left, s.budget.Max)
		}
	}
	if after == 0 {
		return messages.Judged{Again: true, Why: "retry at once: " + c.Proof.String(), Spent: payer}
	}
	asked := ""
	if after == c.Pushback {
		asked = ", as the server asks"
	}
	return messages.Judged{
		Again: true, After: after, Spent: payer,
		Why: fmt.Sprintf("retry in %s%s: %s", after.Round(10*time.Microsecond), asked, c.Proof),
	}
}

func (s *state) hedge(service *messages.Service, c messages.Case, now clock.Instant) messages.Judged {
	switch {
	case c.Attempts >= c.Max:
		return stop("no hedge: all %d attempts are used", c.Max)
	case !c.Idempotent:
		return stop("no hedge: the call is not declared idempotent")
	case !c.OtherNode:
		return stop("no hedge: there is no second node")
	}
	if left, ok := s.spend(service, now); !ok {
		return stop("no hedge: the retry budget of %s is used up (%.1f of %.0f tokens)", service.Name, left, s.budget.Max)
	}
	return messages.Judged{Again: true, Why: "hedge", Spent: service}
}

func stop(format string, args ...any) messages.Judged {
	return messages.Judged{Why: fmt.Sprintf(format, args...)}
}

// wait returns how long to wait before the next attempt: not at all if the
// request was never sent and there is another node; else the user's backoff if
// there is one; else full jitter over a doubling bound,
// random(0, min(base*2^(n-1), cap)) (gRPC A6). A server that asks for more time
// gets it, and the doubling begins again.
func (s *state) wait(c messages.Case) time.Duration {
	switch {
	case c.Pushback > 0 && (c.Proof != rpcerr.NotSent || !c.OtherNode):
		return max(c.Pushback, c.Backoff)
	case c.Backoff >= 0:
		return c.Backoff
	case c.Proof == rpcerr.NotSent && c.OtherNode:
		return 0
	case c.Base <= 0:
		return 0
	}
	bound := c.Base
	for n := 1; n < c.Attempts-c.Pushed && bound < c.Cap; n++ {
		if bound > c.Cap/2 {
			bound = c.Cap // doubling could overflow
			break
		}
		bound *= 2
	}
	if c.Cap > 0 {
		bound = min(bound, c.Cap)
	}
	return time.Duration(s.dice.Float() * float64(bound))
}

// spend takes one token if the bucket has one. It returns how many are left.
func (s *state) spend(service *messages.Service, now clock.Instant) (left float64, ok bool) {
	if s.budget.Max <= 0 {
		return 0, true
	}
	tokens := s.balance(service, now)
	if tokens < 1 {
		s.store(service, tokens, now)
		return tokens, false
	}
	if planted.BudgetDebitedLate {
		s.owed++
		s.store(service, tokens, now)
		return tokens, true
	}
	s.store(service, tokens-1, now)
	return tokens - 1, true
}

// refund puts a token back.
func (s *state) refund(service *messages.Service, now clock.Instant) {
	if s.budget.Max > 0 {
		s.store(service, s.balance(service, now)+1, now) // the next balance applies the bound
	}
}

// bankedTraffic is for how much traffic a bucket may save tokens. A node that
// dies breaks all its calls at once, so a busy service needs more than a few
// tokens. But saved tokens prolong a retry storm: in a model, saving for 10 s
// made the recovery last 25 s instead of 9 s.
const bankedTraffic = 2 * time.Second

// balance returns the tokens in the bucket, including those that were added
// since it was last read.
func (s *state) balance(service *messages.Service, now clock.Instant) float64 {
	at := clock.Instant(service.BudgetAt.Load())
	tokens := math.Float64frombits(service.Budget.Load())
	if at == 0 {
		at, tokens = service.Since, s.budget.Max
	}
	answered := float64(service.Answered.Swap(0))
	if planted.BudgetDebitedLate && answered > 0 {
		tokens, s.owed = max(tokens-s.owed, 0), 0
	}
	elapsed := now.Sub(at)
	tokens += answered*s.budget.Ratio + elapsed.Seconds()*s.budget.Reserve
	banked := s.rate(service, answered, elapsed) * bankedTraffic.Seconds() * s.budget.Ratio
	return min(tokens, max(s.budget.Max, banked))
}

// rate updates and returns the service's average of answers per second, over
// about bankedTraffic.
func (s *state) rate(service *messages.Service, answered float64, elapsed time.Duration) float64 {
	rate := math.Float64frombits(service.Rate.Load())
	rate += (answered - rate*elapsed.Seconds()) / (elapsed + bankedTraffic).Seconds()
	service.Rate.Store(math.Float64bits(rate))
	return rate
}

func (s *state) store(service *messages.Service, tokens float64, now clock.Instant) {
	service.Budget.Store(math.Float64bits(tokens))
	service.BudgetAt.Store(int64(now))
}
