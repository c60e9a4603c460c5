// SPDX-License-Identifier: Apache-2.0

package api

import (
	"log/slog"
	"slices"
	"time"

	"example.com/mailcall/actors"
	"example.com/mailcall/broker"
	"example.com/mailcall/codec"
	"example.com/mailcall/registry"
	"example.com/mailcall/transport"
)

// Option is an option of a client, for [New] and Init. These two check the values
// and report every invalid one in one error.
type Option interface{ applyClient(*Options) }

// CallOption is an option of one call, or of all calls of a method
// ([WithMethod]). The call returns an error if it is invalid.
type CallOption interface{ applyCall(*CallOptions) }

// ClientCallOption can be given to a client and to a call. For a client it sets
// the default of all calls.
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

// WithName sets [Options.Name].
func WithName(name string) Option {
	return clientOption{"name", func(o *Options) { o.Name = name }}
}

// WithDefaultContentType sets [Options.ContentType].
func WithDefaultContentType(contentType string) Option {
	return clientOption{"content_type", func(o *Options) { o.ContentType = contentType }}
}

// WithCodec adds a codec for a content type, or replaces the one for it.
func WithCodec(contentType string, c codec.Codec) Option {
	return clientOption{"codecs", func(o *Options) { o.Codecs[contentType] = c }}
}

// WithTransport adds a transport under its name and makes it the default. Nil is
// an error. With Init only a transport that the client already has is allowed.
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

// WithTransports adds transports under their names, for nodes that name them in
// their metadata. Nil ones are ignored. Only for [New].
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

// WithWrapper adds wrappers around the client, inside the existing ones.
func WithWrapper(w ...Wrapper) Option {
	return clientOption{"wrappers", func(o *Options) { o.Wrappers = append(o.Wrappers, w...) }}
}

// WithLogger sets [Options.Logger].
func WithLogger(l *slog.Logger) Option {
	return clientOption{"logger", func(o *Options) { o.Logger = l }}
}

// WithActorSystem sets [Options.ActorSystem]: the client's actors then run in the
// same system as those of the program. Close stops them, but not the system.
func WithActorSystem(s *actors.System) Option {
	return clientOption{"actor_system", func(o *Options) { o.ActorSystem = s }}
}

// WithSeed sets [Options.Seed].
func WithSeed(seed uint64) Option {
	return clientOption{"seed", func(o *Options) { o.Seed = seed }}
}

// WithMethod sets options for all calls of one endpoint, "Greeter.Hello", or of
// one endpoint of one service, "greeter/Greeter.Hello", which takes precedence.
// Options of a call take precedence over both. Options of several uses for the
// same name add up.
func WithMethod(method string, opts ...CallOption) Option {
	return clientOption{"methods", func(o *Options) {
		o.methods[method] = append(slices.Clip(o.methods[method]), opts...)
	}}
}
