// SPDX-License-Identifier: Apache-2.0

package retrier

import (
	"math"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const begin = clock.Instant(time.Second)

// generous is a budget that never runs out in a test.
var generous = messages.Budget{Max: 1e6}

func TestJudge(t *testing.T) {
	const (
		ms   = time.Millisecond
		none = -1
	)
	for _, c := range []struct {
		name  string
		c     messages.Case
		again bool
		most  time.Duration // of the wait
		why   string
	}{
		// Proof by idempotency: what may have been executed is repeated only if it may be.
		{"not sent", messages.Case{Proof: rpcerr.NotSent, Attempts: 1, Max: 3, Backoff: none, OtherNode: true, Base: 50 * ms}, true, 0, "retry at once"},
		{"not sent, idempotent", messages.Case{Proof: rpcerr.NotSent, Idempotent: true, Attempts: 1, Max: 3, Backoff: none, OtherNode: true}, true, 0, "not-sent"},
		{"not sent, no other node", messages.Case{Proof: rpcerr.NotSent, Attempts: 1, Max: 3, Backoff: none, Base: 50 * ms}, true, 50 * ms, "retry in"},
		{"unknown", messages.Case{Proof: rpcerr.SentUnknown, Attempts: 1, Max: 3, Backoff: none}, false, 0, "not declared idempotent"},
		{"unknown, idempotent", messages.Case{Proof: rpcerr.SentUnknown, Idempotent: true, Attempts: 1, Max: 3, Backoff: none, Base: 50 * ms}, true, 50 * ms, "sent-unknown"},
		{"executed", messages.Case{Proof: rpcerr.Executed, Attempts: 1, Max: 3, Backoff: none}, false, 0, "answered"},
		{"executed, idempotent", messages.Case{Proof: rpcerr.Executed, Idempotent: true, Attempts: 1, Max: 3, Backoff: none}, false, 0, "answered"},
		// The user's function overrules that, but not the number of attempts.
		{"wanted though executed", messages.Case{Proof: rpcerr.Executed, Wanted: messages.WantRetry, Attempts: 1, Max: 3, Backoff: none}, true, 0, "executed"},
		{"wanted though unknown", messages.Case{Proof: rpcerr.SentUnknown, Wanted: messages.WantRetry, Attempts: 1, Max: 3, Backoff: none}, true, 0, ""},
		{"wanted too often", messages.Case{Wanted: messages.WantRetry, Attempts: 3, Max: 3, Backoff: none}, false, 0, "all 3 attempts"},
		{"unwanted", messages.Case{Proof: rpcerr.NotSent, Wanted: messages.WantStop, Idempotent: true, Attempts: 1, Max: 3, Backoff: none}, false, 0, "retry function"},
		{"the last attempt", messages.Case{Proof: rpcerr.NotSent, Attempts: 1, Max: 1, Backoff: none}, false, 0, "all 1 attempts"},
		// The wait.
		{"doubling", messages.Case{Proof: rpcerr.SentUnknown, Idempotent: true, Attempts: 3, Max: 9, Backoff: none, Base: 10 * ms, Cap: 1000 * ms}, true, 40 * ms, ""},
		{"capped", messages.Case{Proof: rpcerr.SentUnknown, Idempotent: true, Attempts: 8, Max: 9, Backoff: none, Base: 10 * ms, Cap: 100 * ms}, true, 100 * ms, ""},
		{"the user's wait", messages.Case{Proof: rpcerr.SentUnknown, Idempotent: true, Attempts: 1, Max: 3, Backoff: 7 * ms}, true, 7 * ms, "7ms"},
		{"the user's wait until after the deadline", messages.Case{Idempotent: true, Attempts: 1, Max: 3, Backoff: 7 * ms, Remaining: 7 * ms}, false, 0, "after the deadline"},
		{"the user's wait until before the deadline", messages.Case{Idempotent: true, Attempts: 1, Max: 3, Backoff: 7 * ms, Remaining: 8 * ms}, true, 7 * ms, ""},
		{"no deadline", messages.Case{Idempotent: true, Attempts: 1, Max: 3, Backoff: time.Hour}, true, time.Hour, ""},
		// What the server asks for.
		{"pushed back", messages.Case{Proof: rpcerr.NotSent, Attempts: 1, Max: 3, Backoff: none, Base: 5 * ms, Pushback: 70 * ms}, true, 70 * ms, "retry in 70ms, as the server asks"},
		{"pushed back by one of several", messages.Case{Proof: rpcerr.NotSent, Attempts: 1, Max: 3, Backoff: none, OtherNode: true, Pushback: 70 * ms}, true, 0, "retry at once"},
		{"pushed back for too long", messages.Case{Proof: rpcerr.NotSent, Attempts: 1, Max: 3, Backoff: none, Pushback: 70 * ms, Remaining: 60 * ms}, false, 0, "after the deadline"},
		{"pushed back for good", messages.Case{Proof: rpcerr.Executed, Wanted: messages.WantRetry, Attempts: 1, Max: 3, Backoff: none, Pushback: -1}, false, 0, "the server wants no other attempt"},
		{"the user's wait is longer", messages.Case{Proof: rpcerr.Executed, Wanted: messages.WantRetry, Attempts: 1, Max: 3, Backoff: 90 * ms, Pushback: 70 * ms}, true, 90 * ms, "retry in 90ms: executed"},
		{"doubling begins anew", messages.Case{Proof: rpcerr.SentUnknown, Idempotent: true, Attempts: 4, Pushed: 3, Max: 9, Backoff: none, Base: 10 * ms, Cap: 1000 * ms}, true, 10 * ms, ""},
		{"no address, whatever the user wants", messages.Case{Proof: rpcerr.NotSent, Wanted: messages.WantRetry, Attempts: 1, Max: 3, NoAddress: true}, false, 0, "no node has an address"},
		// Hedges.
		{"hedge", messages.Case{Hedge: true, Idempotent: true, OtherNode: true, Attempts: 1, Max: 2, Backoff: none}, true, 0, "hedge"},
		{"hedge, not idempotent", messages.Case{Hedge: true, OtherNode: true, Attempts: 1, Max: 2, Backoff: none}, false, 0, "not declared idempotent"},
		{"hedge, one node", messages.Case{Hedge: true, Idempotent: true, Attempts: 1, Max: 2, Backoff: none}, false, 0, "no second node"},
		{"hedge, no attempt left", messages.Case{Hedge: true, Idempotent: true, OtherNode: true, Attempts: 2, Max: 2, Backoff: none}, false, 0, "all 2 attempts"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := state{budget: generous}
			for range 100 { // of dice
				got := s.judge(&messages.Service{Name: "greeter"}, c.c, begin)
				if got.Again != c.again || got.After > c.most || got.After < 0 || !strings.Contains(got.Why, c.why) {
					t.Fatalf("got %+v, want again %t within %s because of %q", got, c.again, c.most, c.why)
				}
			}
		})
	}
}

func failure() messages.Case {
	return messages.Case{Proof: rpcerr.SentUnknown, Idempotent: true, Attempts: 1, Max: 3}
}

// The jitter is full: the waits of many are spread over the whole bound.
func TestJitter(t *testing.T) {
	s := state{budget: generous}
	c := failure()
	c.Backoff, c.Base, c.Cap = -1, time.Second, time.Second
	var quarter [4]int
	for range 4000 {
		quarter[int(4*s.judge(&messages.Service{}, c, begin).After/time.Second)]++
	}
	for i, n := range quarter {
		if n < 900 || n > 1100 {
			t.Errorf("got %d of 4000 waits in quarter %d of the bound, want about 1000", n, i)
		}
	}
}

func granted(s *state, service *messages.Service, tries int, now clock.Instant) (n int) {
	for range tries {
		if s.judge(service, failure(), now).Again {
			n++
		}
	}
	return n
}

func TestBudget(t *testing.T) {
	for _, c := range []struct {
		name     string
		budget   messages.Budget
		answered int64
		after    time.Duration
		want     [2]int // granted of 100 at first, and of 100 later
	}{
		{"off", messages.Budget{}, 0, 0, [2]int{100, 100}},
		{"full at the beginning", messages.Budget{Max: 10}, 0, time.Hour, [2]int{10, 0}},
		{"answers fill it", messages.Budget{Max: 10, Ratio: 0.1}, 50, 0, [2]int{10, 5}},
		{"time fills it", messages.Budget{Max: 10, Reserve: 0.5}, 0, 6 * time.Second, [2]int{10, 3}},
		{"never above its bound", messages.Budget{Max: 10, Ratio: 1, Reserve: 100}, 1000, time.Hour, [2]int{10, 10}},
		{"less than a token is none", messages.Budget{Max: 10, Ratio: 0.1}, 9, 0, [2]int{10, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, service := state{budget: c.budget}, &messages.Service{Name: "greeter"}
			first := granted(&s, service, 100, begin)
			service.Answered.Add(c.answered)
			if got := [2]int{first, granted(&s, service, 100, begin.Add(c.after))}; got != c.want {
				t.Errorf("got %v retries, want %v", got, c.want)
			}
		})
	}
}

// Retries and hedges share one bucket for each service, and one for no other.
func TestBudgetIsShared(t *testing.T) {
	s := state{budget: messages.Budget{Max: 2}}
	one, other := &messages.Service{Name: "one"}, &messages.Service{Name: "other"}
	hedge := messages.Case{Hedge: true, Idempotent: true, OtherNode: true, Attempts: 1, Max: 2}
	for i, want := range []bool{true, true, false} {
		c := hedge
		if i == 1 {
			c = failure()
		}
		if got := s.judge(one, c, begin); got.Again != want || (got.Spent == one) != want {
			t.Errorf("case %d: got %+v, want %t and that the service has paid: %t", i, got, want, want)
		}
	}
	if got := s.judge(other, hedge, begin); !got.Again {
		t.Errorf("got %+v from another service's budget, want a hedge", got)
	}
}

// A token that was granted in vain comes back, and never more than the bucket
// holds.
func TestRefund(t *testing.T) {
	for _, c := range []struct{ spent, refunded, want int }{{3, 0, 0}, {3, 1, 1}, {3, 3, 3}, {1, 3, 3}} {
		s, service := state{budget: messages.Budget{Max: 3}}, &messages.Service{Name: "greeter"}
		for range c.spent {
			if got := s.judge(service, failure(), begin); got.Spent != service {
				t.Fatalf("got %+v, want it to say that the service has paid", got)
			}
		}
		for range c.refunded {
			s.refund(service, begin)
		}
		if got := granted(&s, service, 10, begin); got != c.want {
			t.Errorf("got %d retries after %d of 3 tokens were spent and %d came back, want %d", got, c.spent, c.refunded, c.want)
		}
	}
	s, service := state{}, &messages.Service{Name: "greeter"}
	s.refund(service, begin)
	if got := math.Float64frombits(service.Budget.Load()); got != 0 {
		t.Errorf("got %v tokens where there is no budget, want none", got)
	}
}

// What was never sent burdens nobody, and is free even when nothing is left.
func TestNotSentIsFree(t *testing.T) {
	s, service := state{budget: messages.Budget{Max: 1}}, &messages.Service{Name: "greeter"}
	granted(&s, service, 10, begin)
	c := messages.Case{Proof: rpcerr.NotSent, Attempts: 1, Max: 3, Backoff: -1, OtherNode: true}
	if got := s.judge(service, c, begin); !got.Again {
		t.Errorf("got %+v, want a retry", got)
	}
	if got := math.Float64frombits(service.Budget.Load()); got != 0 {
		t.Errorf("got %v tokens, want 0", got)
	}
}

// Checking and debiting is one step: however the cases of many calls follow
// each other, what is granted is what was there.
func TestBudgetIsAtomic(t *testing.T) {
	s, service := state{budget: messages.Budget{Max: 20, Ratio: 0.2}}, &messages.Service{Name: "greeter"}
	got, answers := 0, 0
	for i := range 5000 {
		if i%3 == 0 {
			service.Answered.Add(1)
			answers++
		}
		got += granted(&s, service, 1, begin)
	}
	if most := 20 + 0.2*float64(answers); float64(got) > most+1e-6 || float64(got) < most-2 {
		t.Errorf("got %d retries from %d answers, want %.0f", got, answers, most)
	}
}

// What was answered long ago does not count on top of a bucket that was full
// all the time.
func TestBudgetForgetsOldAnswers(t *testing.T) {
	s := state{budget: messages.Budget{Max: 10, Ratio: 0.1}}
	service := &messages.Service{Name: "greeter", Since: begin.Add(-100 * time.Second)}
	service.Answered.Add(1000)
	if got := granted(&s, service, 100, begin); got != 10 {
		t.Errorf("got %d retries, want 10", got)
	}
}

// A busy service banks the tokens of two seconds: a node that dies breaks all
// its calls at once.
func TestBusyServiceBanksTwoSeconds(t *testing.T) {
	s := state{budget: messages.Budget{Max: 10, Ratio: 0.1}}
	service := &messages.Service{Name: "greeter", Since: begin.Add(-100 * time.Second)}
	service.Answered.Add(100 * 1000)
	if got := granted(&s, service, 1000, begin); got < 180 || got > 200 {
		t.Errorf("got %d retries after 1,000 answers a second, want close to 200", got)
	}
}

// A client that calls once a second, and whose every tenth call fails, gets
// each of its retries.
func TestLowRateClientGetsItsRetry(t *testing.T) {
	s, service := state{budget: messages.Budget{Max: 10, Ratio: 0.1, Reserve: 0.1}}, &messages.Service{Name: "greeter"}
	now := begin
	for i := range 1000 {
		now = now.Add(time.Second)
		if i%10 != 9 {
			service.Answered.Add(1)
		} else if got := s.judge(service, failure(), now); !got.Again {
			t.Fatalf("call %d: got %+v, want a retry", i, got)
		}
	}
}
