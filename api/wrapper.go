// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"time"

	"example.com/mailcall/messages"
	"example.com/mailcall/registry"
)

// Wrapper wraps a whole client. Of several the first one given is outermost.
// Unlike go-micro's, one that is given to Init takes effect. One that panics when
// it is given a client, or returns none, is a fault of [New] or Init. What it
// returns runs outside of the client, on the goroutine that calls: it panics
// there as any function does.
type Wrapper func(Client) Client

// CallFunc makes one attempt of a call at node. It returns nil, or why the
// attempt failed. node must not be changed.
type CallFunc func(ctx context.Context, node *registry.Node, req Request, rsp any, opts CallOptions) error

// CallWrapper wraps each attempt of a call, inside retries and after a node
// was chosen. Of several the first one given is outermost, those of the
// client before those of the call. It may change the context (metadata,
// deadline), answer by itself, or turn the result around; it calls the next
// function at most once. Other arguments than those it was given have no
// effect when it hands them on. What it has begun ends when it returns: an
// attempt that it did not wait for is cut off. It runs on the goroutine that
// called Call, by many goroutines at once, and its context is the caller's own:
// while it waits for something of its own, it alone sees to the deadline. A call
// with call wrappers makes one attempt at a time: it is never hedged.
type CallWrapper func(CallFunc) CallFunc

// RetryFunc decides whether a call whose attempt number n (from 0) ended in
// err may be tried again. An error it returns ends the call. Saying yes does
// not go beyond Retries, the deadline and the retry budget. It is asked about
// answers too; RetryFuncs that do not look at err repeat calls that have been
// executed. It is called by many goroutines at once. Without a RetryFunc the
// rule is: what was never sent is tried again; what may have been executed
// only if the call is idempotent; what was answered never.
type RetryFunc func(ctx context.Context, req Request, n int, err error) (bool, error)

// BackoffFunc returns how long to wait before attempt n (from 1; the first
// attempt, 0, never waits). A negative wait is none; one that would end after
// the deadline ends the call. An error it returns ends the call, too. It is
// called by many goroutines at once. Without a BackoffFunc the waits are
// random between 0 and a bound that doubles from BackoffBase to BackoffCap,
// and what was never sent goes to a node not yet tried without any.
type BackoffFunc func(ctx context.Context, req Request, n int) (time.Duration, error)

// Filter narrows the nodes of a service. It gets a list of its own, must not
// change the records in it, and may be called by many goroutines at once.
type Filter = messages.Filter

// Strategy chooses a node. Those of package actors/selector are P2C (the
// default), Random and RoundRobin; see [messages.Picker] for one's own.
type Strategy = messages.Picker

// FilterEndpoint keeps services that have an endpoint of this name.
func FilterEndpoint(name string) Filter {
	return filterServices(func(s *registry.Service) bool {
		for _, e := range s.Endpoints {
			if e.Name == name {
				return true
			}
		}
		return false
	})
}

// FilterVersion keeps services of exactly this version.
func FilterVersion(version string) Filter {
	return filterServices(func(s *registry.Service) bool { return s.Version == version })
}

func filterServices(keep func(*registry.Service) bool) Filter {
	return func(services []*registry.Service) (kept []*registry.Service) {
		for _, s := range services {
			if keep(s) {
				kept = append(kept, s)
			}
		}
		return kept
	}
}

// FilterLabel keeps nodes whose metadata has key with this value; services
// without any such node drop out.
func FilterLabel(key, value string) Filter {
	return func(services []*registry.Service) (kept []*registry.Service) {
		for _, s := range services {
			var nodes []*registry.Node
			for _, n := range s.Nodes {
				if v, ok := n.Metadata[key]; ok && v == value {
					nodes = append(nodes, n)
				}
			}
			if len(nodes) > 0 {
				narrowed := *s
				narrowed.Nodes = nodes
				kept = append(kept, &narrowed)
			}
		}
		return kept
	}
}

// RetryAlways is the RetryFunc that wants every failed attempt tried again,
// also those that were answered or may have been executed: it is for calls
// that may run more than once.
func RetryAlways(context.Context, Request, int, error) (bool, error) { return true, nil }

// RetryNever is the RetryFunc that wants none.
func RetryNever(context.Context, Request, int, error) (bool, error) { return false, nil }
