// SPDX-License-Identifier: Apache-2.0

package simtest_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/simtest"
)

const ms = time.Millisecond

// sequence is n calls like c, each begun when the one before is over.
func sequence(n int, c simtest.Call) (calls []simtest.Call) {
	for i := range n {
		c.At = time.Duration(i) * 500 * ms
		calls = append(calls, c)
	}
	return calls
}

func nodes(behaviours ...simtest.Behaviour) []simtest.Service {
	s := simtest.Service{Name: "greeter"}
	for i, b := range behaviours {
		s.Nodes = append(s.Nodes, simtest.Node{Address: string(rune('a'+i)) + ".test:80", Behaviour: b})
	}
	return []simtest.Service{s}
}

// What a client must do in well-known situations, over several interleavings.
func TestSimulationBasics(t *testing.T) {
	limits := messages.PoolLimits{Size: 4, Max: 4, Waiters: 16, DialTimeout: 100 * ms}
	good := simtest.Behaviour{Dial: ms, Latency: 10 * ms}
	type want struct{ good, dials, attempts, executions int }
	for _, c := range []struct {
		name     string
		services []simtest.Service
		call     simtest.Call
		limits   messages.PoolLimits
		want     want // -1: any number
	}{
		{
			"a connection to a named node is used again", nodes(good),
			simtest.Call{Deadline: 100 * ms}, limits, want{20, 1, 20, 20},
		},
		{
			"an application error leaves the connection open", nodes(simtest.Behaviour{Latency: 10 * ms, Fail: 1}),
			simtest.Call{Deadline: 100 * ms}, limits, want{0, 1, 20, 20},
		},
		{
			"a pool that keeps none dials each time", nodes(good), simtest.Call{Deadline: 100 * ms},
			messages.PoolLimits{Max: 1, DialTimeout: 100 * ms}, want{20, 20, 20, 20},
		},
		{
			"a refused dial goes to the next node at once", nodes(simtest.Behaviour{Refuse: 1}, good),
			simtest.Call{Deadline: 100 * ms, Attempts: 2}, limits, want{20, -1, 20, 20},
		},
		{
			"a silent node is not asked again for what it may have done", nodes(simtest.Behaviour{Silent: 1}),
			simtest.Call{Deadline: 100 * ms, AttemptTimeout: 20 * ms, Attempts: 5}, limits, want{0, -1, 20, 20},
		},
		{
			"an idempotent call is tried again", nodes(simtest.Behaviour{Silent: 1}),
			simtest.Call{Deadline: 400 * ms, AttemptTimeout: 20 * ms, Attempts: 3, Idempotent: true}, limits, want{0, -1, 60, 60},
		},
		{
			"a hedge saves a call from a silent node", nodes(simtest.Behaviour{Silent: 1}, good),
			simtest.Call{Deadline: 100 * ms, HedgeAfter: 20 * ms, Attempts: 2, Idempotent: true}, limits, want{20, -1, -1, -1},
		},
		{
			"a connection that was closed meanwhile costs nothing", nodes(simtest.Behaviour{Unsent: 0.5, Latency: 10 * ms}),
			simtest.Call{Deadline: 400 * ms, Attempts: 50}, limits, want{20, -1, -1, 20},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.call.Service = "greeter"
			for seed := range uint64(10) {
				report := simtest.Run(seed, simtest.Scenario{
					Services: c.services, Calls: sequence(20, c.call), Limits: c.limits, Thorough: true,
				})
				if report.Failed() {
					t.Fatal(report)
				}
				s := report.Stats
				for what, n := range map[string][2]int{
					"good calls": {s.Good, c.want.good}, "dials": {s.Dials, c.want.dials},
					"attempts": {s.Attempts, c.want.attempts}, "executions": {s.Executions, c.want.executions},
				} {
					if n[1] >= 0 && n[0] != n[1] {
						t.Errorf("seed %d: got %d %s, want %d", seed, n[0], what, n[1])
					}
				}
			}
		})
	}
}

// A call that races two nodes and tries again does not go to the node where it
// is already, though it has tried all nodes.
func TestSimulationRetryWhileRacing(t *testing.T) {
	slow, bad := simtest.Behaviour{Latency: 100 * ms}, simtest.Behaviour{Latency: 2 * ms, Fail: 1}
	for seed := range uint64(20) {
		report := simtest.Run(seed, simtest.Scenario{
			Services: nodes(slow, bad),
			Calls: sequence(5, simtest.Call{
				Service: "greeter", Deadline: 150 * ms, HedgeAfter: 5 * ms, Attempts: 6, Wish: messages.WantRetry,
			}),
			Limits: messages.PoolLimits{Size: 1, Max: 4, Waiters: 4, DialTimeout: 100 * ms},
		})
		if report.Failed() {
			t.Fatal(report)
		}
	}
}

// Calls end at their deadline exactly, and say so.
func TestSimulationDeadline(t *testing.T) {
	report := simtest.Run(1, simtest.Scenario{
		Services: nodes(simtest.Behaviour{Silent: 1}),
		Calls:    []simtest.Call{{Service: "greeter", Deadline: 70 * ms}, {Service: "greeter", Timeout: 70 * ms, CancelAfter: 20 * ms}},
		Limits:   messages.PoolLimits{Size: 1, Max: 2, DialTimeout: ms},
	})
	if report.Failed() {
		t.Fatal(report)
	}
	for i, want := range []error{context.DeadlineExceeded, context.Canceled} {
		if !errors.Is(report.Errors[i], want) {
			t.Errorf("got %v, want %v", report.Errors[i], want)
		}
	}
	var failed *rpcerr.CallError
	if !errors.As(report.Errors[0], &failed) || failed.Elapsed != 70*ms {
		t.Errorf("got %v, want a call error after 70ms", report.Errors[0])
	}
}

// A run leaves no goroutine: code that waits in it is a coroutine, which runs only
// when the loop resumes it, and ends with it.
func TestGoroutineFree(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	before := runtime.NumGoroutine()
	for seed := range uint64(10) {
		if report := simtest.Run(seed, simtest.Chaos(seed, callsPerSeed)); report.Failed() {
			t.Fatal(report)
		}
		if n := runtime.NumGoroutine(); n > before {
			t.Errorf("seed %d: got %d goroutines after the run, want the %d of before", seed, n, before)
		}
	}
}
