// SPDX-License-Identifier: Apache-2.0

package dns_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/registry"
	"example.com/mailcall/registry/dns"
)

func newRegistry(t *testing.T, opts ...dns.Option) *dns.Registry {
	t.Helper()
	r, err := dns.New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// show writes addresses, with priority and weight where they are.
func show(list []*registry.Service) string {
	if list == nil {
		return "gone"
	}
	var out []string
	for _, s := range list {
		for _, n := range s.Nodes {
			text := n.Address
			if p, ok := n.Metadata["priority"]; ok {
				text += "/" + p + "/" + n.Metadata["weight"]
			}
			out = append(out, text)
		}
	}
	return strings.Join(out, " ")
}

const (
	host = "greeter.test"
	srv  = "_mucp._tcp.greeter.test"
)

func TestLookup(t *testing.T) {
	for _, tc := range []struct {
		name, target, want string
		records            []any
		opts               []dns.Option
	}{
		{"addresses of both kinds, sorted", host + ".:9000", "10.0.0.1:9000 10.0.0.2:9000 [fd00::1]:9000", []any{"10.0.0.2", "fd00::1", "10.0.0.1"}, nil},
		{"one address twice", host + ".:9000", "10.0.0.1:9000", []any{"10.0.0.1", "10.0.0.1"}, nil},
		{"no name at all", "127.0.0.1:9000", "127.0.0.1:9000", nil, nil},
		{"no name, version 6", "[::1]:9000", "[::1]:9000", nil, nil},
		{"the lowest priority alone", srv + ".", "a.test:1/1/5 c.test:3/1/0", []any{
			net.SRV{Priority: 2, Port: 2, Target: "b.test"}, net.SRV{Priority: 1, Port: 3, Target: "c.test"},
			net.SRV{Priority: 1, Weight: 5, Port: 1, Target: "a.test"},
		}, nil},
		{"all priorities", srv + ".", "a.test:1/1/5 b.test:2/2/0", []any{
			net.SRV{Priority: 2, Port: 2, Target: "b.test"}, net.SRV{Priority: 1, Weight: 5, Port: 1, Target: "a.test"},
			net.SRV{Priority: 9, Port: 1, Target: "a.test"},
		}, []dns.Option{dns.WithAllPriorities()}},
		{"decidedly not available", srv + ".", "", []any{net.SRV{Port: 0, Target: "."}}, nil},
		{"targets that are no host names", srv + ".", "a.test:1/7/0", []any{
			net.SRV{Port: 1, Target: "b d.test"}, net.SRV{Priority: 7, Port: 1, Target: "a.test"},
		}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newServer(t)
			s.set(strings.TrimSuffix(strings.TrimSuffix(tc.target, ":9000"), "."), tc.records...)
			r := newRegistry(t, append(tc.opts, dns.WithResolver(s.resolver()), dns.WithTargets(map[string]string{"greeter": tc.target}))...)
			for _, service := range []string{"greeter", tc.target} {
				list, err := r.Lookup(t.Context(), service)
				if err != nil || len(list) != 1 || list[0].Name != service || show(list) != tc.want {
					t.Fatalf("got %q and %v, want %q", show(list), err, tc.want)
				}
				for _, n := range list[0].Nodes {
					if n.ID != service+"-"+n.Address || n.Metadata["protocol"] != "mucp" {
						t.Errorf("got %+v, want an id of service and address, and protocol mucp", n)
					}
				}
			}
		})
	}
}

func TestMetadata(t *testing.T) {
	r := newRegistry(t, dns.WithMetadata(map[string]string{"transport": "grpc", "protocol": "grpc", "zone": "a"}), dns.WithMetadata(map[string]string{"zone": ""}))
	list, err := r.Lookup(t.Context(), "127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	if m := list[0].Nodes[0].Metadata; len(m) != 2 || m["transport"] != "grpc" || m["protocol"] != "grpc" {
		t.Errorf("got %v, want transport and protocol grpc", m)
	}
	list[0].Nodes[0].Metadata["protocol"] = "spoiled"
	if list, err = r.Lookup(t.Context(), "127.0.0.1:1"); err != nil || list[0].Nodes[0].Metadata["protocol"] != "grpc" {
		t.Errorf("got %v and %v, want metadata of its own", list, err)
	}
	if r.String() != "dns" {
		t.Errorf("got %q, want dns", r.String())
	}
}

func TestNotFoundAndFailures(t *testing.T) {
	s := newServer(t)
	s.set("other.test", net.SRV{Port: 1, Target: "a.test"}) // exists, without addresses
	s.set("broken.test", "10.0.0.1")
	s.fail("broken.test", true)
	s.fail("_a._tcp.broken.test", true)
	r := newRegistry(t, dns.WithResolver(s.resolver()))
	for service, missing := range map[string]bool{
		"absent.test.:1":       true,
		"_a._tcp.absent.test.": true,
		"other.test.:1":        true,
		"broken.test.:1":       false,
		"_a._tcp.broken.test.": false,
		"greeter":              false,
		"greeter.test":         false,
		"_tcp.greeter.test":    false,
		"_._tcp.greeter.test":  false,
		"greeter:http":         false,
		"greeter:0":            false,
		"greeter:65536":        false,
		":1":                   false,
		"":                     false,
	} {
		list, err := r.Lookup(t.Context(), service)
		if err == nil || errors.Is(err, registry.ErrNotFound) != missing || !strings.Contains(err.Error(), `"`+service+`"`) {
			t.Errorf("%q: got %q and %v, want an error that names it, ErrNotFound: %t", service, show(list), err, missing)
		}
	}
}

// A server that says that there is no address of one kind, and fails for the other
// kind, has not said that the name does not exist. Addresses of one kind are enough.
func TestFailureForOneKindOfAddress(t *testing.T) {
	s := newServer(t)
	s.set("six.test", "fd00::1")
	s.set("four.test", "10.0.0.1")
	s.set("both.test", "10.0.0.1", "fd00::1")
	s.mu.Lock()
	s.broken["six.test"], s.broken["four.test"], s.broken["both.test"] = typeAAAA, typeA, typeAAAA
	s.mu.Unlock()
	r := newRegistry(t, dns.WithResolver(s.resolver()))
	for _, service := range []string{"six.test.:1", "six.test:1", "four.test.:1", "four.test:1"} {
		if list, err := r.Lookup(t.Context(), service); err == nil || errors.Is(err, registry.ErrNotFound) {
			t.Errorf("%s: got %q and %v, want an error other than ErrNotFound", service, show(list), err)
		}
	}
	if list, err := r.Lookup(t.Context(), "both.test.:1"); err != nil || show(list) != "10.0.0.1:1" {
		t.Errorf("got %q and %v, want the address that is known", show(list), err)
	}
}

// A lookup after the records changed sees the new ones: nothing is kept.
func TestLookupResolvesEachTime(t *testing.T) {
	s := newServer(t)
	r := newRegistry(t, dns.WithResolver(s.resolver()))
	for _, want := range []string{"10.0.0.1:1", "10.0.0.2:1"} {
		s.set(host, strings.TrimSuffix(want, ":1"))
		if list, err := r.Lookup(t.Context(), host+".:1"); err != nil || show(list) != want {
			t.Errorf("got %q and %v, want %q", show(list), err, want)
		}
	}
}

// mute is a resolver that never answers.
type mute struct{}

func (mute) LookupNetIP(ctx context.Context, _, _ string) ([]netip.Addr, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (mute) LookupSRV(ctx context.Context, _, _, _ string) (string, []*net.SRV, error) {
	<-ctx.Done()
	return "", nil, ctx.Err()
}

func TestLookupEndsWithItsContext(t *testing.T) {
	r := newRegistry(t, dns.WithResolver(mute{}))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, service := range []string{host + ":1", srv} {
		if _, err := r.Lookup(ctx, service); !errors.Is(err, context.Canceled) || errors.Is(err, registry.ErrNotFound) {
			t.Errorf("got %v, want context.Canceled", err)
		}
		if err := r.Watch(ctx, service, func([]*registry.Service) {}); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
	}
}

// hands is a clock whose one timer fires when the test says so.
type hands struct {
	clock.Clock
	fire  func()
	armed chan time.Duration
}

func (h *hands) Now() clock.Instant { return 1 }

func (h *hands) Timer(f func()) clock.Timer {
	h.fire = f
	return h
}

func (h *hands) Reset(at clock.Instant) { h.armed <- at.Sub(1) }

func (h *hands) Stop() {}

func TestWatch(t *testing.T) {
	s, h := newServer(t), &hands{armed: make(chan time.Duration)}
	r := newRegistry(t, dns.WithResolver(s.resolver()), dns.WithClock(h), dns.WithInterval(time.Minute))
	ctx, cancel := context.WithCancel(t.Context())
	lists, done := make(chan string, 1), make(chan error, 1)
	watch := func() {
		done <- r.Watch(ctx, host+".:1", func(list []*registry.Service) { lists <- show(list) })
	}
	go watch()
	next := func(want string) {
		t.Helper()
		if got := <-h.armed; got != time.Minute {
			t.Errorf("got %s until the next question, want 1m", got)
		}
		got := "nothing"
		select {
		case got = <-lists:
		default:
		}
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	next("gone")
	s.set(host, "10.0.0.1")
	h.fire()
	next("10.0.0.1:1")
	h.fire()
	next("nothing")
	s.set(host, "10.0.0.2", "10.0.0.1")
	h.fire()
	next("10.0.0.1:1 10.0.0.2:1")
	s.forget(host)
	h.fire()
	next("gone")
	s.fail(host, true)
	h.fire()
	if err := <-done; err == nil || errors.Is(err, registry.ErrNotFound) || ctx.Err() != nil {
		t.Errorf("got %v, want the failure of the server", err)
	}
	s.fail(host, false)
	go watch()
	next("gone")
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if err := r.Watch(t.Context(), host, nil); err == nil {
		t.Error("got no error for a nil function, want one")
	}
}

func TestOptionsOutOfRange(t *testing.T) {
	_, err := dns.New(dns.WithInterval(0), dns.WithResolver(nil), dns.WithClock(nil), nil,
		dns.WithTargets(map[string]string{"greeter": "nowhere"}))
	for _, name := range []string{"WithInterval", "WithResolver", "WithClock", "WithTargets: greeter"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want an error that names %s", err, name)
		}
	}
	if _, err := dns.New(); err != nil {
		t.Error(err)
	}
}
