// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/rpcerr"
)

// until waits until is holds.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	ctx := within(t)
	look := time.NewTicker(time.Millisecond) // a busy wait would take the only processor, where there is one
	defer look.Stop()
	for !is() {
		select {
		case <-look.C:
		case <-ctx.Done():
			t.Fatalf("got nothing in %s, want %s", patience, what)
		}
	}
}

// A hedge races a slow node at another one: the fast one answers, the slow one
// sees its connection end, and the reply is written once.
func TestHedge(t *testing.T) {
	slow, fast := mailcalltest.Start(t), mailcalltest.Start(t)
	slow.Pause()
	c := start(t, api.WithAddress(slow.Address(), fast.Address()), api.WithStrategy(inOrder{}),
		api.WithIdempotent(true), api.WithHedge(time.Millisecond), api.WithAttemptTimeout(0))
	const n = 5
	for range n {
		rsp := new(greet.HelloReply)
		if err := c.Call(within(t), c.NewRequest("greeter", hello, &greet.HelloRequest{Name: "Ann"}), rsp); err != nil {
			t.Fatal(err)
		}
		rsp.Greeting += "!" // ours from here on: the race detector sees who still writes
		if got := rsp.GetGreeting(); got != "Hello Ann!" {
			t.Errorf("got %q, want Hello Ann!", got)
		}
	}
	mailcalltest.AssertCalls(t, fast, hello, n)
	if got := c.Runtime().Snapshot().Totals.Hedges; got != n {
		t.Errorf("got %d hedges, want %d", got, n)
	}
	until(t, "the slow node to see the end of each request", func() bool {
		return slow.Stats().Open == 0 && slow.Endpoint(hello).Abandoned == slow.Calls(hello)
	})
	slow.Resume()
	if got := slow.Endpoint(hello).Handled; got != 0 {
		t.Errorf("got %d requests handled by the slow node, want none", got)
	}
	if got := fast.Connections(); got != 1 {
		t.Errorf("got %d connections to the fast node, want 1: the winner's is kept", got)
	}
}

// A node that lost a race took at least as long as the race lasted, so it must not
// count as being as fast as the others.
func TestLoserOfARaceCountsAsSlow(t *testing.T) {
	const after = 20 * time.Millisecond
	slow, fast := mailcalltest.Start(t), mailcalltest.Start(t)
	slow.Pause()
	defer slow.Resume()
	c := start(t, api.WithAddress(slow.Address(), fast.Address()), api.WithStrategy(inOrder{}),
		api.WithIdempotent(true), api.WithHedge(after), api.WithAttemptTimeout(0))
	if err := greetAnn(within(t), c); err != nil {
		t.Fatal(err)
	}
	until(t, "the slow node to be known as one", func() bool {
		n := c.Runtime().Snapshot().Services[0].Nodes[0]
		return n.Address == slow.Address() && n.Latency >= after
	})
}

// The error of a race that an answer has ended names the node that answered.
func TestErrorOfARaceNamesWhoAnswered(t *testing.T) {
	slow, fast := mailcalltest.Start(t), mailcalltest.Start(t)
	slow.Pause()
	defer slow.Resume()
	fast.SetFailRate(1)
	c := start(t, api.WithAddress(slow.Address(), fast.Address()), api.WithStrategy(inOrder{}),
		api.WithIdempotent(true), api.WithHedge(time.Millisecond), api.WithAttemptTimeout(0))
	err := greetAnn(within(t), c)
	mailcalltest.AssertAttempts(t, err, 2)
	a, _ := last(t, err)
	if a.Node != fast.Address() || a.Proof != rpcerr.Executed || a.Decision != "stop: the service answered" {
		t.Errorf("got %+v last, want the attempt that was answered", a)
	}
	if !strings.Contains(err.Error(), fast.Address()+": decode: ") {
		t.Errorf("got %v, want the node that answered", err)
	}
}

// Without an idempotent call, a second node or a second attempt there is no
// hedge.
func TestNoHedge(t *testing.T) {
	for name, opts := range map[string][]api.CallOption{
		"not idempotent": {api.WithIdempotent(false)},
		"one node":       {},
		"one attempt":    {api.WithRetries(0)},
		"wrapped":        {api.WithCallWrapper(func(next api.CallFunc) api.CallFunc { return next })},
	} {
		t.Run(name, func(t *testing.T) {
			servers := []*mailcalltest.Responder{mailcalltest.Start(t), mailcalltest.Start(t)}
			addresses := []string{servers[0].Address(), servers[1].Address()}
			if name == "one node" {
				addresses = addresses[:1]
			}
			servers[0].SetDelay(30 * time.Millisecond)
			c := start(t, api.WithAddress(addresses...), api.WithStrategy(inOrder{}), api.WithIdempotent(true), api.WithHedge(time.Millisecond))
			if err := greetAnn(within(t), c, opts...); err != nil {
				t.Fatal(err)
			}
			mailcalltest.AssertCalls(t, servers[0], hello, 1)
			mailcalltest.AssertCalls(t, servers[1], hello, 0)
		})
	}
}

// Retries end when the budget of the service is used up, and the error says
// that this is why.
func TestRetryBudgetRunsOut(t *testing.T) {
	server := mailcalltest.Start(t, mailcalltest.WithScript(mailcalltest.Script{mailcalltest.Close().Times(100)}))
	c := start(t, api.WithAddress(server.Address()), api.WithIdempotent(true), api.WithRetries(9),
		api.WithBackoffBounds(0, 0), api.WithRetryBudget(3, 0.5, 0))
	err := greetAnn(within(t), c)
	mailcalltest.AssertAttempts(t, err, 1+3)
	if a, _ := last(t, err); !strings.Contains(a.Decision, "retry budget of greeter is used up") {
		t.Errorf("got decision %q, want it to name the budget", a.Decision)
	}
	err = greetAnn(within(t), c)
	mailcalltest.AssertAttempts(t, err, 1)
	server.SetScript(nil)
	for range 2 { // two answers are worth one token
		if err := greetAnn(within(t), c); err != nil {
			t.Fatal(err)
		}
	}
	server.SetScript(mailcalltest.Script{mailcalltest.Close().Times(100)})
	until(t, "the token", func() bool { // what was answered is added up now and then
		_, n := last(t, greetAnn(within(t), c))
		return n == 1+1
	})
	mailcalltest.AssertAttempts(t, greetAnn(within(t), c), 1)
}

// What was never sent is tried again without a token.
func TestRefusalsCostNoBudget(t *testing.T) {
	dead, alive := mailcalltest.Start(t), mailcalltest.Start(t)
	dead.Kill()
	c := start(t, api.WithAddress(dead.Address(), alive.Address()), api.WithStrategy(inOrder{}), api.WithRetryBudget(1, 0, 0))
	for range 4 {
		if err := greetAnn(within(t), c); err != nil {
			t.Fatal(err)
		}
	}
}

// The retry function gets what it needs to know, and its word goes.
func TestRetryFunction(t *testing.T) {
	server := mailcalltest.Start(t, mailcalltest.WithScript(mailcalltest.Script{mailcalltest.Error(503).Times(2)}))
	c := start(t, api.WithAddress(server.Address()), api.WithBackoffBounds(0, 0), api.WithRetries(5))
	err := greetAnn(within(t), c, api.WithRetry(retry503(t)))
	if err != nil {
		t.Fatal(err)
	}
	mailcalltest.AssertCalls(t, server, hello, 3)
	server.SetScript(mailcalltest.Script{mailcalltest.Error(400)})
	var e *rpcerr.Error
	if err := greetAnn(within(t), c, api.WithRetry(retry503(t))); !errors.As(err, &e) || e.Code != 400 {
		t.Errorf("got %v, want the 400", err)
	}
	mailcalltest.AssertCalls(t, server, hello, 4)
}
