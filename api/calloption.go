// SPDX-License-Identifier: Apache-2.0

package api

import (
	"slices"
	"time"
)

type callOption struct {
	name string
	set  func(*CallOptions)
}

func (o callOption) applyClient(to *Options) {
	o.set(&to.CallOptions)
	to.from(o.name, sourceCode)
}

func (o callOption) applyCall(to *CallOptions) { o.set(to) }

// WithAddress sets [CallOptions.Address]. Without arguments it goes back to using
// the registry.
func WithAddress(addresses ...string) ClientCallOption {
	addresses = slices.Clone(addresses) // calls are made with them later
	return callOption{"address", func(o *CallOptions) { o.Address = addresses }}
}

// WithRequestTimeout sets [CallOptions.RequestTimeout].
func WithRequestTimeout(d time.Duration) ClientCallOption {
	return callOption{"request_timeout", func(o *CallOptions) { o.RequestTimeout = d }}
}

// WithAttemptTimeout sets [CallOptions.AttemptTimeout].
func WithAttemptTimeout(d time.Duration) ClientCallOption {
	return callOption{"attempt_timeout", func(o *CallOptions) { o.AttemptTimeout = d }}
}

// WithStreamTimeout sets [CallOptions.StreamTimeout].
func WithStreamTimeout(d time.Duration) ClientCallOption {
	return callOption{"stream_timeout", func(o *CallOptions) { o.StreamTimeout = d }}
}

// WithHalfCloseWait sets [CallOptions.HalfCloseWait].
func WithHalfCloseWait(d time.Duration) ClientCallOption {
	return callOption{"half_close_wait", func(o *CallOptions) { o.HalfCloseWait = d }}
}

// WithRetries sets [CallOptions.Retries].
func WithRetries(n int) ClientCallOption {
	return callOption{"retries", func(o *CallOptions) { o.Retries = n }}
}

// WithRetry sets [CallOptions.Retry].
func WithRetry(f RetryFunc) ClientCallOption {
	return callOption{"retry", func(o *CallOptions) { o.Retry = f }}
}

// WithBackoff sets [CallOptions.Backoff].
func WithBackoff(f BackoffFunc) ClientCallOption {
	return callOption{"backoff", func(o *CallOptions) { o.Backoff = f }}
}

// WithBackoffBounds sets [CallOptions.BackoffBase] and BackoffCap.
func WithBackoffBounds(base, limit time.Duration) ClientCallOption {
	return backoffOption{base, limit}
}

type backoffOption struct{ base, limit time.Duration }

func (b backoffOption) applyClient(o *Options) {
	b.applyCall(&o.CallOptions)
	o.from("backoff_base", sourceCode)
	o.from("backoff_cap", sourceCode)
}

func (b backoffOption) applyCall(o *CallOptions) { o.BackoffBase, o.BackoffCap = b.base, b.limit }

// WithIdempotent sets [CallOptions.Idempotent].
func WithIdempotent(is bool) ClientCallOption {
	return callOption{"idempotent", func(o *CallOptions) { o.Idempotent = is }}
}

// WithHedge sets [CallOptions.HedgeAfter]. It has an effect only on idempotent
// calls.
func WithHedge(after time.Duration) ClientCallOption {
	return callOption{"hedge_after", func(o *CallOptions) { o.HedgeAfter = after }}
}

// WithConnClose sets [CallOptions.ConnClose] to true.
func WithConnClose() ClientCallOption {
	return callOption{"conn_close", func(o *CallOptions) { o.ConnClose = true }}
}

// WithCallWrapper adds call wrappers, inside the existing ones.
func WithCallWrapper(w ...CallWrapper) ClientCallOption {
	w = slices.Clone(w)
	return callOption{"call_wrappers", func(o *CallOptions) { o.CallWrappers = append(o.CallWrappers, w...) }}
}

// WithStreamWrapper adds stream wrappers, inside the existing ones.
func WithStreamWrapper(w ...StreamWrapper) ClientCallOption {
	w = slices.Clone(w)
	return callOption{"stream_wrappers", func(o *CallOptions) { o.StreamWrappers = append(o.StreamWrappers, w...) }}
}

// WithFilter adds filters, which are applied in order. Those of a client run once
// for each new list from the registry, on a goroutine of the client. Those of a
// call run for each attempt, after those of the client.
func WithFilter(f ...Filter) ClientCallOption { return filterOption(slices.Clone(f)) }

type filterOption []Filter

func (f filterOption) applyClient(o *Options) {
	o.Filters = append(o.Filters, f...)
	o.from("filters", sourceCode)
}

func (f filterOption) applyCall(o *CallOptions) { o.Filters = append(o.Filters, f...) }

// WithStrategy sets [Options.Strategy], or [CallOptions.Strategy] for a call.
func WithStrategy(s Strategy) ClientCallOption { return strategyOption{s} }

type strategyOption struct{ strategy Strategy }

func (s strategyOption) applyClient(o *Options) {
	o.Strategy = s.strategy
	o.from("strategy", sourceCode)
}

func (s strategyOption) applyCall(o *CallOptions) { o.Strategy = s.strategy }
