// SPDX-License-Identifier: Apache-2.0

package simtest_test

import (
	"testing"
	"time"

	"example.com/mailcall/messages"
	"example.com/mailcall/simtest"
)

// What a client must do with streams in well-known situations, on every wire
// that has them.
func TestSimulationStreams(t *testing.T) {
	good := simtest.Behaviour{Dial: ms, Latency: 4 * ms}
	for _, c := range []struct {
		name                   string
		behaviour              simtest.Behaviour
		stream                 simtest.Stream
		opened, good, messages int // of ten streams; -1: any number
	}{
		{"both talk", good, simtest.Stream{Messages: 5, HalfClose: true}, 10, -1, 100},
		{"the client talks", good, simtest.Stream{Kind: simtest.ClientStream, Messages: 20, HalfClose: true}, 10, -1, 210},
		{"the server talks", good, simtest.Stream{Kind: simtest.ServerStream, Replies: 20}, 10, -1, 200},
		{"nobody ends it", good, simtest.Stream{Messages: 5}, 10, 0, 100},
		{"the server does not read", simtest.Behaviour{Stall: 1, Latency: 4 * ms}, simtest.Stream{Messages: 50}, 10, 0, -1},
		{"the server says nothing", simtest.Behaviour{Silent: 1}, simtest.Stream{Messages: 1}, 10, 0, 10},
		{"the server refuses", simtest.Behaviour{Fail: 2}, simtest.Stream{}, 10, 0, 0},
		{"nobody is there", simtest.Behaviour{Refuse: 1}, simtest.Stream{Attempts: 3}, 0, 0, 0},
		{"the user has enough", good, simtest.Stream{Kind: simtest.ServerStream, Replies: 20, StopAfter: 3}, 10, 0, -1},
		{"the user gives up", good, simtest.Stream{Messages: 1, CancelAfter: 50 * ms, StopByContext: true}, 10, 0, 20},
	} {
		for name, wire := range map[string]simtest.Wire{
			"shared": simtest.WireShared, "exclusive": simtest.WireExclusive, "plain": simtest.WirePlain,
		} {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				services := nodes(c.behaviour)
				services[0].Wire = wire
				s := simtest.Scenario{
					Services: services, Thorough: true,
					Limits: messages.PoolLimits{Size: 4, Max: 16, Waiters: 16, DialTimeout: 100 * ms},
				}
				for i := range 10 {
					st := c.stream
					st.Service, st.Timeout, st.HalfCloseWait, st.At = "greeter", 500*ms, 20*ms, time.Duration(i)*300*ms
					s.Streams = append(s.Streams, st)
				}
				for seed := range uint64(10) {
					report := simtest.Run(seed, s)
					if report.Failed() {
						t.Fatal(report)
					}
					for what, n := range map[string][2]int{
						"open": {report.Stats.Streams, c.opened}, "good": {report.Stats.GoodStreams, c.good},
						"messages": {report.Stats.Messages, c.messages},
					} {
						if n[1] >= 0 && n[0] != n[1] {
							t.Errorf("seed %d: got %d %s, want %d", seed, n[0], what, n[1])
						}
					}
				}
			})
		}
	}
}

// A message is published again only if the broker cannot have it, unless it may
// be published twice.
func TestSimulationPublish(t *testing.T) {
	for _, c := range []struct {
		name   string
		broker simtest.Behaviour
		spec   simtest.Publish
		good   int // of ten; -1: any number
	}{
		{"it is taken", simtest.Behaviour{Latency: 10 * ms}, simtest.Publish{}, 10},
		{"it was not sent", simtest.Behaviour{Unsent: 0.5}, simtest.Publish{Attempts: 100}, 10},
		{"nobody knows", simtest.Behaviour{CutReply: 1}, simtest.Publish{Attempts: 3, Idempotent: true}, 0},
		{"nobody subscribes", simtest.Behaviour{Fail: 1}, simtest.Publish{Attempts: 3}, 0},
		{"no answer", simtest.Behaviour{Silent: 1}, simtest.Publish{Attempts: 3, AttemptTimeout: 20 * ms}, 0},
		{"no broker", simtest.Behaviour{Refuse: 1}, simtest.Publish{Attempts: 3}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := simtest.Scenario{
				Thorough: true, Broker: c.broker,
				Limits: messages.PoolLimits{Size: 1, Max: 1, Waiters: 16, DialTimeout: 100 * ms},
			}
			for i := range 10 {
				p := c.spec
				p.Timeout, p.At = 200*ms, time.Duration(i)*20*ms
				s.Publishes = append(s.Publishes, p)
			}
			for seed := range uint64(10) {
				report := simtest.Run(seed, s)
				if report.Failed() {
					t.Fatal(report)
				}
				if n := report.Stats.GoodPublishes; c.good >= 0 && n != c.good || report.Stats.Publishes != 10 {
					t.Errorf("seed %d: got %d good ones of %d, want %d of 10", seed, n, report.Stats.Publishes, c.good)
				}
			}
		})
	}
}
