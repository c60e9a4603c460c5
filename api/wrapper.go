// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"time"

	"example.com/mailcall/messages"
	"example.com/mailcall/registry"
)

// Wrapper wraps a whole client. The first one given is the outermost. Unlike in
// go-micro, one that is given to Init takes effect. Every Init calls all of them
// again; within that call Init is an error. If it panics or returns nil, [New] or
// Init returns an error. The client that it returns runs on the calling
// goroutine, and its panics are not recovered.
type Wrapper func(Client) Client

// CallFunc makes one attempt of a call at node. It returns nil, or why the attempt
// failed. node must not be modified.
type CallFunc func(ctx context.Context, node *registry.Node, req Request, rsp any, opts CallOptions) error

// CallWrapper wraps each attempt of a call, after a node was chosen. The first
// one given is the outermost; those of the client are outside those of the call.
//
// It may change the context (metadata, deadline), answer without calling the next
// function, or change the result. It calls the next function at most once;
// changes to the other arguments that it passes on have no effect. When it
// returns, an attempt that it has not waited for is cancelled.
//
// It runs on the goroutine that called Call, so it is called by many goroutines
// at once, and its context is the caller's: while it waits for something else, it
// has to observe the deadline itself. A call with call wrappers is never hedged.
type CallWrapper func(CallFunc) CallFunc

// RetryFunc decides whether a call is retried whose attempt number n (from 0) has
// failed with err. If it returns an error, the call ends with it. Retries, the
// deadline and the retry budget limit the attempts even if it returns true. It is
// also called for errors that the service has returned, so one that ignores err
// repeats calls that were executed. It is called by many goroutines at once.
//
// Without a RetryFunc an attempt is retried if nothing was sent; if it may have
// been executed, only if the call is idempotent; if it was answered, never.
type RetryFunc func(ctx context.Context, req Request, n int, err error) (bool, error)

// BackoffFunc returns how long to wait before attempt n (from 1; the first
// attempt, 0, never waits). A negative wait is none; one that would end after the
// deadline ends the call. If it returns an error, the call ends with it. It is
// called by many goroutines at once.
//
// Without a BackoffFunc the wait is random between 0 and a bound that doubles from
// BackoffBase to BackoffCap. There is none if nothing was sent and a node is left
// that was not tried.
type BackoffFunc func(ctx context.Context, req Request, n int) (time.Duration, error)

// Filter reduces the nodes of a service. It may change the list, which is its
// own, but not the records in it. It may be called by many goroutines at once.
type Filter = messages.Filter

// Strategy chooses a node. Package actors/selector has P2C (the default), Random
// and RoundRobin; [messages.Picker] says how to implement another.
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

// FilterLabel keeps nodes whose metadata has this value under key, and removes
// services without such a node.
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

// RetryAlways is a RetryFunc that retries every failed attempt, also those that
// were answered or may have been executed. Use it only for calls that may run more
// than once.
func RetryAlways(context.Context, Request, int, error) (bool, error) { return true, nil }

// RetryNever is a RetryFunc that never retries.
func RetryNever(context.Context, Request, int, error) (bool, error) { return false, nil }
