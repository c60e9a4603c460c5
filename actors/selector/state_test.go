// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/dice"
	"example.com/mailcall/messages"
	"example.com/mailcall/registry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const start = clock.Instant(time.Second)

var errFault = errors.New("connection refused")

// list is a registry's answer with these nodes.
func list(ids ...string) []*registry.Service {
	s := &registry.Service{Name: "greeter", Version: "1"}
	for _, id := range ids {
		s.Nodes = append(s.Nodes, &registry.Node{ID: id, Address: id + ":80", Metadata: map[string]string{"protocol": "mucp"}})
	}
	return []*registry.Service{s}
}

func newState(ids ...string) *state {
	s := &state{name: "greeter", dice: dice.NewSource(1).Dice()}
	s.replace(list(ids...), messages.SelectorPolicy{Transport: "http"})
	return s
}

func ids(nodes []*messages.Node) (ids []string) {
	for _, n := range nodes {
		ids = append(ids, n.ID)
	}
	return ids
}

func (s *state) node(id string) *messages.Node {
	return s.byID[nodeKey{id, id + ":80"}].node
}

func (s *state) ready(now clock.Instant) []string {
	return ids(s.view(messages.SelectorPolicy{}, now, nil).Ready)
}

func TestReplace(t *testing.T) {
	s := newState("a", "b", "c")
	a := s.node("a")
	gone, _ := s.replace(list("a", "d", "d"), messages.SelectorPolicy{Transport: "http"})
	if got, want := ids(gone), []string{"b", "c"}; !slices.Equal(got, want) {
		t.Errorf("got %v gone, want %v", got, want)
	}
	v := s.view(messages.SelectorPolicy{}, start, nil)
	if got, want := ids(v.Nodes), []string{"a", "d"}; !slices.Equal(got, want) {
		t.Errorf("got nodes %v, want %v", got, want)
	}
	if s.node("a") != a {
		t.Error("got another node for a record that stayed, want the same with its history")
	}
	if gone, _ = s.replace(list("a", "d"), messages.SelectorPolicy{Transport: "tcp"}); len(gone) != 2 {
		t.Errorf("got %v gone when the transport changed, want both", ids(gone))
	}
	if gone, _ = s.replace(nil, messages.SelectorPolicy{}); len(gone) != 2 || len(s.members) != 0 {
		t.Errorf("got %v gone and %d left from an empty list, want both and none", ids(gone), len(s.members))
	}
}

func TestNodeOfARecord(t *testing.T) {
	type metadata = map[string]string
	for _, c := range []struct {
		name           string
		metadata       metadata
		fallback       string
		want           string
		legacy, native bool
	}{
		{"default", metadata{"protocol": "mucp"}, "http", "http", false, false},
		{"named", metadata{"protocol": "mucp", "transport": "memory"}, "http", "memory", false, false},
		{"from before there was a choice", nil, "http", "http", true, false},
		{"the same over grpc", metadata{"transport": "grpc"}, "http", "mucp-grpc", true, false},
		{"gRPC itself", metadata{"server": "grpc", "protocol": "grpc", "transport": "grpc"}, "http", "grpc", false, true},
		{"gRPC itself, no transport", metadata{"protocol": "grpc"}, "http", "grpc", false, true},
		{"gRPC itself, by the server's name", metadata{"server": "grpc", "transport": "grpc"}, "http", "grpc", false, true},
		{"go-micro over grpc", metadata{"server": "mucp", "protocol": "mucp", "transport": "grpc"}, "http", "mucp-grpc", false, false},
		{"no transport, a client of gRPC", metadata{"protocol": "mucp"}, "grpc", "grpc", false, true},
		{"nothing, a client of gRPC", nil, "grpc", "grpc", false, true},
	} {
		r := &registry.Node{ID: "a", Address: "a:80", Metadata: c.metadata}
		n := newMember("greeter", &registry.Service{Version: "7"}, r, c.fallback).node
		if n.Transport != c.want || n.Legacy != c.legacy || n.Native != c.native || n.Address != "a:80" || n.Record().Version != "7" || n.Service != "greeter" {
			t.Errorf("%s: got %s, legacy %t, native %t, %s, want %s, %t, %t", c.name, n.Transport, n.Legacy, n.Native, n.Address, c.want, c.legacy, c.native)
		}
	}
}

func faults(s *state, id string, n int, now clock.Instant) (changed bool) {
	for range n {
		changed = s.fault(messages.Mark{Node: s.node(id), Err: errFault}, now)
	}
	return changed
}

func TestEjection(t *testing.T) {
	s := newState("a", "b", "c")
	if faults(s, "a", faultsToEject-1, start) {
		t.Fatalf("got an ejection after %d faults, want %d", faultsToEject-1, faultsToEject)
	}
	if !faults(s, "a", 1, start) {
		t.Fatalf("got no ejection after %d faults", faultsToEject)
	}
	if got, want := s.ready(start), []string{"b", "c"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	changed, next := s.review(start)
	if least, most := start.Add(ejectBase/2), start.Add(ejectBase); changed || next < least || next > most {
		t.Fatalf("got %t and the end of the ejection at %d, want it from %d to %d", changed, next, least, most)
	}
	if changed, _ = s.review(next - 1); changed {
		t.Error("got a node back before its time")
	}
	if changed, next = s.review(next); !changed || next != 0 {
		t.Errorf("got %t and %d, want the node back and no other ejection", changed, next)
	}
	if got := messages.Health(s.node("a").Health.Load()); got != messages.Probing {
		t.Errorf("got %s, want probing", got)
	}
}

// One failed probe ejects again, for twice as long; one answer heals.
func TestProbe(t *testing.T) {
	s := newState("a", "b", "c")
	now := start
	for n := 1; n <= 12; n++ {
		if n == 1 {
			faults(s, "a", faultsToEject, now)
		} else if !faults(s, "a", 1, now) {
			t.Fatalf("ejection %d: got none after a failed probe", n)
		}
		_, until := s.review(now)
		bound := min(ejectBase<<(n-1), ejectCap)
		if got := until.Sub(now); got < bound/2 || got > bound {
			t.Errorf("ejection %d: got %s, want %s to %s", n, got, bound/2, bound)
		}
		now = until
		s.review(now)
	}
	s.node("a").Answered(time.Millisecond)
	if !s.fold(now) {
		t.Error("got no change from the answer to a probe")
	}
	if s.answered != 1 {
		t.Errorf("got %d answers for the budget, want 1", s.answered)
	}
	if got := messages.Health(s.node("a").Health.Load()); got != messages.Healthy {
		t.Errorf("got %s, want healthy", got)
	}
	faults(s, "a", faultsToEject, now)
	if got := clock.Instant(s.node("a").Until.Load()).Sub(now); got < ejectBase/2 || got > ejectBase {
		t.Errorf("got an ejection of %s after the node was well, want %s to %s", got, ejectBase/2, ejectBase)
	}
}

// A node where nobody listens is tried again sooner: the probe costs nothing.
func TestEjectionAfterRefusedConnections(t *testing.T) {
	s := newState("a", "b", "c")
	now := start
	for n := 1; n <= 8; n++ {
		for range faultsToEject {
			s.fault(messages.Mark{Node: s.node("a"), Err: errFault, Refused: true}, now)
		}
		_, until := s.review(now)
		bound := min(refusedBase<<(n-1), refusedCap)
		if got := until.Sub(now); got < bound/2 || got > bound {
			t.Errorf("ejection %d: got %s, want %s to %s", n, got, bound/2, bound)
		}
		now = until
		s.review(now)
	}
}

// An answer in between ends the series of faults.
func TestOnlyConsecutiveFaultsEject(t *testing.T) {
	s := newState("a", "b", "c")
	for range 10 {
		if faults(s, "a", faultsToEject-1, start) {
			t.Fatal("got an ejection, want none")
		}
		s.node("a").Answered(time.Millisecond)
	}
}

func TestFaultOfARemovedNode(t *testing.T) {
	s := newState("a", "b", "c")
	a := s.node("a")
	s.replace(list("b", "c"), messages.SelectorPolicy{Transport: "http"})
	for range 2 * faultsToEject {
		if s.fault(messages.Mark{Node: a, Err: errFault}, start) {
			t.Fatal("got a change from a node that is gone")
		}
	}
	s.replace(list("a", "b", "c"), messages.SelectorPolicy{Transport: "http"})
	for range 2 * faultsToEject {
		if s.fault(messages.Mark{Node: a, Err: errFault}, start) {
			t.Fatal("got a change from a node that is gone and has a successor")
		}
	}
	if n := s.node("a").Faults.Load(); n != 0 {
		t.Errorf("got %d faults of the successor, want none", n)
	}
}

// However many nodes fail, at least half of them can be chosen.
func TestFloor(t *testing.T) {
	for n := 1; n <= 9; n++ {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprint("n", i))
		}
		s := newState(all...)
		for _, id := range all {
			faults(s, id, 3*faultsToEject, start)
		}
		if got, want := len(s.ready(start)), (n+1)/2; got != want {
			t.Errorf("got %d of %d nodes, want %d", got, n, want)
		}
	}
}

// Removing the nodes that are well brings the others back, those first whose
// time is up first.
func TestFloorHoldsWhenNodesLeave(t *testing.T) {
	s := newState("a", "b", "c", "d")
	faults(s, "a", faultsToEject, start)
	faults(s, "b", faultsToEject, start.Add(time.Minute))
	s.replace(list("a", "b"), messages.SelectorPolicy{Transport: "http"})
	if got, want := s.ready(start), []string{"a"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	s.replace(list("b"), messages.SelectorPolicy{Transport: "http"})
	if got, want := s.ready(start), []string{"b"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Latency is the mean of the first answers. Then it moves with the answers, or with
// a time constant if that is more. A far
// rise counts at once, the second time. A lower success rate weighs squared.
func TestWeight(t *testing.T) {
	s := newState("a", "b")
	a := s.node("a")
	answer := func(took time.Duration, now clock.Instant) float64 {
		a.Answered(took)
		s.fold(now)
		return a.Weight() - noise
	}
	if got := answer(10*time.Millisecond, start); got != 10e6 {
		t.Errorf("got %.0f, want 10 ms", got)
	}
	if got := answer(50*time.Millisecond, start); got != 10e6 {
		t.Errorf("got %.0f after being held up once, want 10 ms", got)
	}
	if got := answer(50*time.Millisecond, start); got != 50e6 {
		t.Errorf("got %.0f after being held up twice, want 50 ms", got)
	}
	if got := answer(10*time.Millisecond, start.Add(latencyTau)); got != 30e6 {
		t.Errorf("got %.0f after the time constant, want 30 ms", got)
	}
	if got := answer(10*time.Millisecond, start.Add(latencyTau)); !near(got, 30e6-20e6/5) {
		t.Errorf("got %.0f after one more at once, the fifth, want %.0f", got, 30e6-20e6/5)
	}
	for range 20 * window {
		a.Answered(10 * time.Millisecond)
	}
	if got := answer(10*time.Millisecond, start.Add(latencyTau)); got < 10e6 || got > 10.01e6 {
		t.Errorf("got %.0f after many answers, want 10 ms", got)
	}
	calm := a.Weight() - noise
	if got, want := answer(30*time.Millisecond, start.Add(latencyTau)), calm+(30e6-calm)/window; !near(got, want) {
		t.Errorf("got %.0f after a small rise, want %.0f", got, want)
	}
	answer(60*time.Millisecond, start.Add(latencyTau))
	if got := answer(60*time.Millisecond, start.Add(latencyTau)); got != 60e6 {
		t.Errorf("got %.0f after a large rise, want 60 ms", got)
	}
	s.fault(messages.Mark{Node: a, Err: errFault}, start)
	if rate := 1 - 1.0/window; !near(a.Weight(), costs(60*time.Millisecond)/(rate*rate)) {
		t.Errorf("got %.0f after a fault, want %.0f", a.Weight(), costs(60*time.Millisecond)/(rate*rate))
	}
	for range 1000 {
		s.fault(messages.Mark{Node: a, Err: errFault}, start)
	}
	if got, want := a.Weight(), costs(60*time.Millisecond)/(minSuccess*minSuccess); !near(got, want) {
		t.Errorf("got %.0f at the floor, want %.0f", got, want)
	}
}

// A node whose first answer was slow is not taken for slow: neither a new node nor
// the first one to answer at all.
func TestFirstAnswers(t *testing.T) {
	s := newState("a", "b", "c")
	now := start
	answer := func(id string, took time.Duration) *messages.Node {
		now = now.Add(took)
		n := s.node(id)
		n.Answered(took)
		s.fold(now)
		return n
	}
	answer("a", 100*time.Millisecond)
	for range 9 { // then it becomes known what is usual
		answer("b", time.Millisecond)
	}
	if a, b := s.node("a"), s.node("b"); a.Weight() > 30*b.Weight() || !a.Doubt.Load() {
		t.Errorf("got weights %.0f and %.0f and doubt %t, want doubt and a weight that is not 100 times as much", a.Weight(), b.Weight(), a.Doubt.Load())
	}
	usual := s.typical + noise
	if c := answer("c", 100*time.Millisecond); c.Weight() != usual || !c.Doubt.Load() {
		t.Errorf("got weight %.0f and doubt %t, want %.0f and doubt", c.Weight(), c.Doubt.Load(), usual)
	}
	for _, id := range []string{"a", "c"} {
		if n := answer(id, 100*time.Millisecond); n.Weight() != costs(100*time.Millisecond) || n.Doubt.Load() {
			t.Errorf("%s: got weight %.0f and doubt %t after the second time, want 100 ms and none", id, n.Weight(), n.Doubt.Load())
		}
	}
}

// costs is the weight of a node that takes so long and never fails.
func costs(latency time.Duration) float64 { return float64(latency) + noise }

func near(a, b float64) bool { return a/b > 0.999999 && a/b < 1.000001 }

// leaving marks nodes of a list.
func leaving(list []*registry.Service, ids ...string) []*registry.Service {
	for _, n := range list[0].Nodes {
		n.Leaving = slices.Contains(ids, n.ID)
	}
	return list
}

// Leaving nodes get no calls as long as at least half of all nodes can be called
// without them.
func TestLeaving(t *testing.T) {
	s := newState("a", "b", "c", "d")
	for _, tc := range []struct {
		leaves []string
		want   []string
	}{
		{nil, []string{"a", "b", "c", "d"}},
		{[]string{"d"}, []string{"a", "b", "c"}},
		{[]string{"b", "d"}, []string{"a", "c"}},
		{[]string{"b", "c", "d"}, []string{"a", "b", "c", "d"}},
		{[]string{"a", "b", "c", "d"}, []string{"a", "b", "c", "d"}},
		{[]string{"b", "d"}, []string{"a", "c"}},
	} {
		if gone, _ := s.replace(leaving(list("a", "b", "c", "d"), tc.leaves...), messages.SelectorPolicy{Transport: "http"}); len(gone) != 0 {
			t.Errorf("%v leave: got %v gone, want none yet", tc.leaves, ids(gone))
		}
		if got := s.ready(start); !slices.Equal(got, tc.want) {
			t.Errorf("%v leave: got %v ready, want %v", tc.leaves, got, tc.want)
		}
	}
	faults(s, "a", faultsToEject, start)
	if got := s.ready(start); !slices.Equal(got, []string{"b", "c", "d"}) {
		t.Errorf("got %v ready, want all but the ejected one: c alone is less than half", got)
	}
	s.replace(leaving(list("a", "b", "c"), "b"), messages.SelectorPolicy{Transport: "http"})
	if got := s.ready(start); !slices.Equal(got, []string{"b", "c"}) {
		t.Errorf("got %v ready, want b as well", got)
	}
	s.replace(leaving(list("b", "c"), "b"), messages.SelectorPolicy{Transport: "http"})
	if got := s.ready(start); !slices.Equal(got, []string{"c"}) {
		t.Errorf("got %v ready, want the one that stays", got)
	}
}

// Many clients that saw the same node fail do not return to it at the same
// moment.
func TestEjectionsAreSpread(t *testing.T) {
	s := newState("a", "b")
	for _, refused := range []bool{false, true} {
		base := ejectBase
		if refused {
			base = refusedBase
		}
		least, most := base, time.Duration(0)
		for range 100 {
			d := s.ejection(1, refused)
			least, most = min(least, d), max(most, d)
		}
		if least < base/2 || least > base*6/10 || most < base*9/10 || most > base {
			t.Errorf("refused %t: got ejections from %s to %s, want them all over from %s to %s", refused, least, most, base/2, base)
		}
	}
}
