// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"example.com/mailcall/actors"
	"example.com/mailcall/broker"
	"example.com/mailcall/codec"
	"example.com/mailcall/registry"
	"example.com/mailcall/transport"
)

// Option is an option of a client, for [New] and Init. Values are checked by
// those two, which return every fault at once.
type Option interface{ applyClient(*Options) }

// CallOption is an option of one call, or of all calls of a method
// ([WithMethod]). A fault is returned by the call.
type CallOption interface{ applyCall(*CallOptions) }

// ClientCallOption serves as both: for a client it sets what calls use that
// do not say otherwise.
type ClientCallOption interface {
	Option
	CallOption
}

// RequestOption is an option of NewRequest.
type RequestOption interface{ applyRequest(*request) }

// MessageOption is an option of NewMessage.
type MessageOption interface{ applyMessage(*message) }

// PublishOption is an option of Publish.
type PublishOption interface{ applyPublish(*publishOptions) }

type clientOption struct {
	name string
	set  func(*Options)
}

func (o clientOption) applyClient(to *Options) {
	o.set(to)
	to.from(o.name, sourceCode)
}

type callOption struct {
	name string
	set  func(*CallOptions)
}

func (o callOption) applyClient(to *Options) {
	o.set(&to.CallOptions)
	to.from(o.name, sourceCode)
}

func (o callOption) applyCall(to *CallOptions) { o.set(to) }

// WithName sets [Options.Name].
func WithName(name string) Option {
	return clientOption{"name", func(o *Options) { o.Name = name }}
}

// WithDefaultContentType sets [Options.ContentType].
func WithDefaultContentType(contentType string) Option {
	return clientOption{"content_type", func(o *Options) { o.ContentType = contentType }}
}

// WithCodec adds a codec for a content type, in place of one that is there.
func WithCodec(contentType string, c codec.Codec) Option {
	return clientOption{"codecs", func(o *Options) { o.Codecs[contentType] = c }}
}

// WithTransport adds a transport under its name and makes it the default. A
// nil transport is a fault. A new one only for [New].
func WithTransport(t transport.Transport) Option {
	return clientOption{"transport", func(o *Options) {
		if t == nil {
			o.Transport = ""
			return
		}
		o.Transport = t.String()
		o.Transports[o.Transport] = t
	}}
}

// WithTransports adds transports under their names, for nodes that name them.
// Nil ones are left out. Only for [New].
func WithTransports(ts ...transport.Transport) Option {
	return clientOption{"transports", func(o *Options) {
		for _, t := range ts {
			if t != nil {
				o.Transports[t.String()] = t
			}
		}
	}}
}

// WithRegistry sets [Options.Registry]. Only for [New].
func WithRegistry(r registry.Registry) Option {
	return clientOption{"registry", func(o *Options) { o.Registry = r }}
}

// WithPoolSize sets [Options.PoolSize].
func WithPoolSize(n int) Option {
	return clientOption{"pool_size", func(o *Options) { o.PoolSize = n }}
}

// WithPoolMax sets [Options.PoolMax].
func WithPoolMax(n int) Option {
	return clientOption{"pool_max", func(o *Options) { o.PoolMax = n }}
}

// WithPoolWaiters sets [Options.PoolWaiters].
func WithPoolWaiters(n int) Option {
	return clientOption{"pool_waiters", func(o *Options) { o.PoolWaiters = n }}
}

// WithPoolTTL sets [Options.PoolTTL].
func WithPoolTTL(d time.Duration) Option {
	return clientOption{"pool_ttl", func(o *Options) { o.PoolTTL = d }}
}

// WithPoolIdleTimeout sets [Options.PoolIdleTimeout].
func WithPoolIdleTimeout(d time.Duration) Option {
	return clientOption{"pool_idle_timeout", func(o *Options) { o.PoolIdleTimeout = d }}
}

// WithDialTimeout sets [Options.DialTimeout].
func WithDialTimeout(d time.Duration) Option {
	return clientOption{"dial_timeout", func(o *Options) { o.DialTimeout = d }}
}

// WithMaxCalls sets [Options.MaxCalls].
func WithMaxCalls(n int) Option {
	return clientOption{"max_calls", func(o *Options) { o.MaxCalls = n }}
}

// WithMaxStreams sets [Options.MaxStreams].
func WithMaxStreams(n int) Option {
	return clientOption{"max_streams", func(o *Options) { o.MaxStreams = n }}
}

// WithMaxServices sets [Options.MaxServices].
func WithMaxServices(n int) Option {
	return clientOption{"max_services", func(o *Options) { o.MaxServices = n }}
}

// WithBroker sets [Options.Broker]. Only for [New].
func WithBroker(b broker.Broker) Option {
	return clientOption{"broker", func(o *Options) { o.Broker = b }}
}

// WithRetryBudget sets the tokens, the ratio and the reserve of the retry
// budget, see [Options.RetryBudget].
func WithRetryBudget(tokens, ratio, reserve float64) Option {
	return clientOption{"retry_budget", func(o *Options) {
		o.RetryBudget, o.RetryBudgetRatio, o.RetryBudgetReserve = tokens, ratio, reserve
		o.from("retry_budget_ratio", sourceCode)
		o.from("retry_budget_reserve", sourceCode)
	}}
}

// WithWrapper adds wrappers around the client, inside those that are there.
func WithWrapper(w ...Wrapper) Option {
	return clientOption{"wrappers", func(o *Options) { o.Wrappers = append(o.Wrappers, w...) }}
}

// WithLogger sets [Options.Logger].
func WithLogger(l *slog.Logger) Option {
	return clientOption{"logger", func(o *Options) { o.Logger = l }}
}

// WithActorSystem sets [Options.ActorSystem]: the client's actors then live
// beside those of the service. Close stops the client's actors, not the system.
func WithActorSystem(s *actors.System) Option {
	return clientOption{"actor_system", func(o *Options) { o.ActorSystem = s }}
}

// WithSeed sets [Options.Seed].
func WithSeed(seed uint64) Option {
	return clientOption{"seed", func(o *Options) { o.Seed = seed }}
}

// WithMethod sets options for all calls of one endpoint, "Greeter.Hello", or
// of one endpoint of one service, "greeter/Greeter.Hello", which wins over the
// former. Options of a call win over both. Several uses for one name add up.
func WithMethod(method string, opts ...CallOption) Option {
	return clientOption{"methods", func(o *Options) {
		o.methods[method] = append(slices.Clip(o.methods[method]), opts...)
	}}
}

// WithAddress sets [CallOptions.Address]; without an address the registry is
// asked again.
func WithAddress(addresses ...string) ClientCallOption {
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

// WithHedge sets [CallOptions.HedgeAfter], which needs idempotent calls.
func WithHedge(after time.Duration) ClientCallOption {
	return callOption{"hedge_after", func(o *CallOptions) { o.HedgeAfter = after }}
}

// WithConnClose sets [CallOptions.ConnClose] to true.
func WithConnClose() ClientCallOption {
	return callOption{"conn_close", func(o *CallOptions) { o.ConnClose = true }}
}

// WithCallWrapper adds call wrappers, inside those that are there.
func WithCallWrapper(w ...CallWrapper) ClientCallOption {
	return callOption{"call_wrappers", func(o *CallOptions) { o.CallWrappers = append(o.CallWrappers, w...) }}
}

// WithStreamWrapper adds stream wrappers, inside those that are there.
func WithStreamWrapper(w ...StreamWrapper) ClientCallOption {
	return callOption{"stream_wrappers", func(o *CallOptions) { o.StreamWrappers = append(o.StreamWrappers, w...) }}
}

// WithFilter adds filters, applied in order. For a client they are applied
// once to each new list of the registry, on a goroutine of the client; for a
// call at each attempt, after those of the client.
func WithFilter(f ...Filter) ClientCallOption { return filterOption(f) }

type filterOption []Filter

func (f filterOption) applyClient(o *Options) {
	o.Filters = append(o.Filters, f...)
	o.from("filters", sourceCode)
}

func (f filterOption) applyCall(o *CallOptions) { o.Filters = append(o.Filters, f...) }

// WithStrategy sets the strategy, see [Strategy].
func WithStrategy(s Strategy) ClientCallOption { return strategyOption{s} }

type strategyOption struct{ strategy Strategy }

func (s strategyOption) applyClient(o *Options) {
	o.Strategy = s.strategy
	o.from("strategy", sourceCode)
}

func (s strategyOption) applyCall(o *CallOptions) { o.Strategy = s.strategy }

// check returns the faults of the options of calls.
func (o *CallOptions) check() (faults []error) {
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"RequestTimeout", o.RequestTimeout}, {"AttemptTimeout", o.AttemptTimeout},
		{"StreamTimeout", o.StreamTimeout}, {"HedgeAfter", o.HedgeAfter},
		{"BackoffBase", o.BackoffBase}, {"BackoffCap", o.BackoffCap},
	} {
		if d.value < 0 {
			faults = append(faults, fmt.Errorf("option %s is %s; it must not be negative", d.name, d.value))
		}
	}
	if o.Retries < 0 || o.Retries > maxRetries {
		faults = append(faults, fmt.Errorf("option Retries is %d; it must be 0 to %d", o.Retries, maxRetries))
	}
	if o.HalfCloseWait <= 0 {
		faults = append(faults, fmt.Errorf("option HalfCloseWait is %s; it must be positive", o.HalfCloseWait))
	}
	for i, w := range o.StreamWrappers {
		if w == nil {
			faults = append(faults, fmt.Errorf("option StreamWrappers: %d of %d is nil", i+1, len(o.StreamWrappers)))
		}
	}
	for i, w := range o.CallWrappers {
		if w == nil {
			faults = append(faults, fmt.Errorf("option CallWrappers: %d of %d is nil", i+1, len(o.CallWrappers)))
		}
	}
	for i, f := range o.Filters {
		if f == nil {
			faults = append(faults, fmt.Errorf("option Filters: %d of %d is nil", i+1, len(o.Filters)))
		}
	}
	for _, f := range o.Header {
		if isProtocol(f.Name) {
			faults = append(faults, fmt.Errorf("option Header: %q is the protocol's own; the client sets it where it is due", f.Name))
		}
	}
	for i, a := range o.Address {
		if a == "" {
			faults = append(faults, fmt.Errorf("option Address: %d of %d is empty", i+1, len(o.Address)))
		}
	}
	return faults
}

// maxRetries keeps the number of an attempt within a byte.
const maxRetries = 100
