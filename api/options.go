// SPDX-License-Identifier: Apache-2.0

package api

import (
	"log/slog"
	"maps"
	"slices"
	"time"

	"example.com/mailcall/actors"
	"example.com/mailcall/broker"
	"example.com/mailcall/codec"
	"example.com/mailcall/registry"
	"example.com/mailcall/transport"
)

// Options are a client's options. The zero value is of no use; the defaults
// are those of [DefaultOptions]. They are a value: what is done to a copy has
// no effect on a client.
type Options struct {
	// Name of the client, the prefix of its actors' addresses. Defaults to
	// "mailcall". Clients that share an actor system need different names.
	Name string
	// ContentType of requests that name none. Defaults to
	// "application/protobuf" (go-micro: "application/json").
	ContentType string
	// Codecs by content type. Defaults to those of codec/builtin.
	Codecs map[string]codec.Codec
	// Transport is used for nodes that name none in their metadata, and for
	// fixed addresses. Defaults to "http".
	Transport string
	// Transports by name. Defaults to http with its own defaults.
	Transports map[string]transport.Transport
	// Registry knows where services live. Defaults to none: then each call
	// needs an address.
	Registry registry.Registry
	// Strategy chooses nodes. Defaults to the power of two choices (go-micro:
	// random).
	Strategy Strategy
	// Filters narrow the nodes of every service. Defaults to none.
	Filters []Filter

	// PoolSize is how many idle connections are kept for an address, 0 or
	// more. Defaults to 100 (go-micro's).
	PoolSize int
	// PoolMax is how many connections to an address may be open at once, 1
	// or more; callers beyond it wait. Defaults to 16384.
	PoolMax int
	// PoolWaiters is how many callers may wait for a connection to an
	// address, besides those for whom one may still be opened (PoolMax); one
	// more is refused as overloaded. 0 or more. Defaults to 65536.
	PoolWaiters int
	// PoolTTL is how old a connection may get, +-20 %; 0 is no limit.
	// Defaults to 5m (go-micro: 1m, all at the same age).
	PoolTTL time.Duration
	// PoolIdleTimeout is how long a connection may be idle; 0 is no limit.
	// Defaults to 1m (go-micro: none).
	PoolIdleTimeout time.Duration
	// DialTimeout bounds one dial. Defaults to 5s (go-micro's).
	DialTimeout time.Duration
	// MaxCalls is how many calls may be in flight; one more is refused as
	// overloaded. It cannot be changed by Init. Defaults to 65536.
	MaxCalls int

	// MaxStreams is how many streams may be open; one more is refused as
	// overloaded. It cannot be changed by Init. Defaults to 16384.
	MaxStreams int
	// MaxServices is how many services and address lists are known at once.
	// Beyond that those are forgotten, connections and all, with which nothing
	// has happened for longest and that no call uses; if there are none, a call
	// to another one is refused as overloaded. It cannot be changed by Init.
	// Defaults to 16384.
	MaxServices int
	// Broker is where messages are published. It belongs to whoever made it:
	// Close of the client leaves it open. It cannot be changed by Init. Defaults
	// to go-micro's HTTP broker if there is a Registry, else to none.
	Broker broker.Broker

	// RetryBudget is how many tokens the retry budget of a service holds at
	// first and at least; a busy service banks what two seconds of its answers
	// put in. Each retry of something sent and each hedge takes one. 0 turns
	// the budget off. Defaults to 10 (gRPC A6).
	RetryBudget float64
	// RetryBudgetRatio is how many tokens an answered call puts back.
	// Defaults to 0.1 (gRPC A6).
	RetryBudgetRatio float64
	// RetryBudgetReserve is how many tokens a second come back by themselves,
	// for clients that call rarely. Defaults to 0.5.
	RetryBudgetReserve float64

	// Wrappers around the client, outermost first. Defaults to none.
	Wrappers []Wrapper
	// CallOptions are the options of calls that do not say otherwise.
	CallOptions CallOptions

	// Logger gets warnings of the actors. Defaults to none. It cannot be
	// changed by Init.
	Logger *slog.Logger
	// ActorSystem to live in. Defaults to one of its own. It cannot be
	// changed by Init.
	ActorSystem *actors.System
	// Seed of all chance; 0 takes one from the system. It cannot be changed
	// by Init.
	Seed uint64

	methods map[string][]CallOption
	sources map[string]string // where each setting came from, by its name
}

// CallOptions are the options of one call.
type CallOptions struct {
	// Address are nodes to call in place of the registry's, in balance.
	// Defaults to none.
	Address []string
	// RequestTimeout bounds a whole call whose context has no deadline; 0 is
	// no bound. Defaults to 30s (go-micro's).
	RequestTimeout time.Duration
	// AttemptTimeout bounds one attempt; 0 is no bound of its own. Defaults
	// to 5s (go-micro's, under the name ConnectionTimeout). The server is told
	// the smaller of it and what is left of the call.
	AttemptTimeout time.Duration
	// StreamTimeout bounds a stream from its opening to its end; 0 is no bound
	// but the context's. Defaults to 0. RequestTimeout bounds the opening.
	StreamTimeout time.Duration
	// HalfCloseWait is how long a service may say nothing after CloseSend on a
	// wire where it does not say when it is done (go-micro's). Then Recv returns
	// an error that matches io.EOF and says so. More than 0. Defaults to 1s.
	HalfCloseWait time.Duration
	// Retries is how many attempts may follow the first, 0 to 100. Defaults
	// to 2 (go-micro: 5).
	Retries int
	// Retry decides about retries. Defaults to none, see [RetryFunc].
	Retry RetryFunc
	// Backoff decides about waits. Defaults to none, see [BackoffFunc].
	Backoff BackoffFunc
	// BackoffBase and BackoffCap bound the random wait before a retry: it
	// doubles from base to cap. A base of 0 is no wait, a cap of 0 a bound
	// that stays at base. Default to 50ms and 1s.
	BackoffBase, BackoffCap time.Duration
	// Idempotent says that the call may be executed more than once. Defaults
	// to false.
	Idempotent bool
	// HedgeAfter is when a second attempt starts to race the first at another
	// node. It has effect only for idempotent calls with Retries of 1 or more
	// and without call wrappers. 0 is never, the default.
	HedgeAfter time.Duration
	// ConnClose closes the connection after each attempt. Over HTTP the server
	// is told so with the request ("Connection: close"). Defaults to false.
	ConnClose bool
	// CallWrappers around each attempt, outermost first. Defaults to none.
	CallWrappers []CallWrapper
	// StreamWrappers around the opening of each stream, outermost first.
	// Defaults to none.
	StreamWrappers []StreamWrapper
	// Filters narrow the nodes for this call. Defaults to none.
	Filters []Filter
	// Strategy replaces the client's. Defaults to nil.
	Strategy Strategy
	// Header are fields that are sent besides metadata; here a name may occur
	// several times, on wires that can say so (gRPC). Defaults to none.
	Header transport.Header
	// ReplyHeader and ReplyTrailer, if not nil, get the fields of the reply:
	// what the wire has of them. Over HTTP they are of little use, because a
	// go-micro server repeats the fields of the connection's first request.
	ReplyHeader, ReplyTrailer *transport.Header
}

// clone returns a copy that shares no slice or map with o.
func (o Options) clone() Options {
	o.Codecs = maps.Clone(o.Codecs)
	o.Transports = maps.Clone(o.Transports)
	o.Filters = slices.Clone(o.Filters)
	o.Wrappers = slices.Clone(o.Wrappers)
	o.methods = maps.Clone(o.methods)
	o.sources = maps.Clone(o.sources)
	o.CallOptions = o.CallOptions.clone()
	return o
}

func (o CallOptions) clone() CallOptions {
	o.Address = slices.Clone(o.Address)
	o.CallWrappers = slices.Clone(o.CallWrappers)
	o.Filters = slices.Clone(o.Filters)
	o.StreamWrappers = slices.Clone(o.StreamWrappers)
	o.Header = o.Header.Clone()
	return o
}
