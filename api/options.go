// SPDX-License-Identifier: Apache-2.0

package api

import (
	"log/slog"
	"maps"
	"slices"
	"time"

	"example.com/mailcall/actors"
	"example.com/mailcall/actors/selector"
	"example.com/mailcall/broker"
	"example.com/mailcall/codec"
	"example.com/mailcall/codec/builtin"
	"example.com/mailcall/registry"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http"
)

// Options are a client's options. The zero value is not usable; [DefaultOptions]
// returns the defaults. Changing a copy does not affect a client.
type Options struct {
	// Name is the prefix of the addresses of the client's actors. Clients that
	// share an actor system need different names. It cannot be changed by Init.
	// Defaults to "mailcall".
	Name string
	// ContentType is that of requests that name none. Defaults to
	// "application/protobuf" (go-micro: "application/json").
	ContentType string
	// Codecs by content type. Defaults to those of codec/builtin.
	Codecs map[string]codec.Codec
	// Transport is used for nodes that name none in their metadata, and for
	// fixed addresses. Defaults to "http".
	Transport string
	// Transports by name. It cannot be changed by Init. Defaults to http with its
	// own defaults.
	Transports map[string]transport.Transport
	// Registry finds the nodes of services. Without one each call needs an
	// Address. It cannot be changed by Init. Defaults to none.
	Registry registry.Registry
	// Broker is where messages are published. Closing the client does not close
	// it. It cannot be changed by Init. Defaults to go-micro's HTTP broker if
	// there is a Registry, else to none.
	Broker broker.Broker
	// Strategy chooses among the nodes. Defaults to the power of two choices
	// (go-micro: random).
	Strategy Strategy
	// Filters reduce the nodes of every service. Defaults to none.
	Filters []Filter

	// PoolSize is how many idle connections are kept for an address, 0 or
	// more. Defaults to 100 (go-micro's).
	PoolSize int
	// PoolMax is how many connections to an address may be open or being dialled
	// at once, 1 or more; further callers wait. Defaults to 16384.
	PoolMax int
	// PoolWaiters is how many callers may wait for a connection to an address,
	// not counting those for whom PoolMax still allows a dial; one more gets
	// rpcerr.ErrOverloaded. 0 or more. Defaults to 65536.
	PoolWaiters int
	// PoolTTL is the age at which a connection is replaced, plus or minus 20 %;
	// 0 is no limit. Defaults to 5m (go-micro: 1m, without the spread).
	PoolTTL time.Duration
	// PoolIdleTimeout is how long a connection may stay idle; 0 is no limit.
	// Defaults to 1m (go-micro: no limit).
	PoolIdleTimeout time.Duration
	// DialTimeout bounds one dial. Defaults to 5s (go-micro's).
	DialTimeout time.Duration
	// MaxCalls is how many calls may be in flight; one more gets
	// rpcerr.ErrOverloaded. It cannot be changed by Init. Defaults to 65536.
	MaxCalls int
	// MaxStreams is how many streams may be open; one more gets
	// rpcerr.ErrOverloaded. It cannot be changed by Init. Defaults to 16384.
	MaxStreams int
	// MaxServices is how many services and address lists are kept at once.
	// Beyond that the least recently used ones without calls are forgotten and
	// their connections closed. If all of them have calls, a call to another
	// service gets rpcerr.ErrOverloaded. It cannot be changed by Init. Defaults
	// to 16384.
	MaxServices int

	// RetryBudget is how many tokens the retry budget of a service starts with
	// and may hold; that of a busy service may hold what two seconds of its
	// answers add, if that is more. Each hedge, and each retry after something
	// was sent, takes one token. 0 turns the budget off. Defaults to 10 (gRPC A6).
	RetryBudget float64
	// RetryBudgetRatio is how many tokens an answered attempt adds. 0 or more.
	// Defaults to 0.1 (gRPC A6).
	RetryBudgetRatio float64
	// RetryBudgetReserve is how many tokens per second are added regardless of
	// traffic, for clients that call rarely. 0 or more. Defaults to 0.5.
	RetryBudgetReserve float64

	// Wrappers around the client, outermost first. Defaults to none.
	Wrappers []Wrapper
	// CallOptions are the defaults of all calls.
	CallOptions CallOptions

	// Logger gets the warnings and errors of the actors. It cannot be changed by
	// Init. Defaults to none.
	Logger *slog.Logger
	// ActorSystem is where the client's actors run. It cannot be changed by Init.
	// Defaults to one that the client makes.
	ActorSystem *actors.System
	// Seed is the seed of all random numbers; 0 takes one from the operating
	// system. It cannot be changed by Init. Defaults to 0.
	Seed uint64

	methods map[string][]CallOption
	sources map[string]string // the source of each setting, by its name
}

// CallOptions are the options of one call.
type CallOptions struct {
	// Address are addresses to call instead of the nodes in the registry; calls
	// are balanced among them. Defaults to none.
	Address []string
	// RequestTimeout bounds a whole call whose context has no deadline; 0 is no
	// bound. Defaults to 30s (go-micro's).
	RequestTimeout time.Duration
	// AttemptTimeout bounds one attempt; 0 bounds it by the call only. The server
	// is told the smaller of it and the time that the call has left. Defaults to
	// 5s (go-micro's ConnectionTimeout).
	AttemptTimeout time.Duration
	// StreamTimeout bounds a stream from its opening to its end; 0 bounds it by
	// the context only. RequestTimeout bounds the opening. Defaults to 0.
	StreamTimeout time.Duration
	// HalfCloseWait is how long to wait for a message after CloseSend, on a
	// transport where the service does not say that the stream has ended
	// (go-micro's HTTP). Then Recv returns an error that matches io.EOF and says
	// so. More than 0. Defaults to 1s.
	HalfCloseWait time.Duration
	// Retries is how many attempts may follow the first, 0 to 100. Defaults
	// to 2 (go-micro: 5).
	Retries int
	// Retry decides whether to retry, see [RetryFunc]. Defaults to none.
	Retry RetryFunc
	// Backoff decides how long to wait, see [BackoffFunc]. Defaults to none.
	Backoff BackoffFunc
	// BackoffBase and BackoffCap bound the random wait before a retry: the bound
	// doubles from base to cap. A base of 0 is no wait; with a cap of 0 the bound
	// stays at base. They default to 50ms and 1s.
	BackoffBase, BackoffCap time.Duration
	// Idempotent says that the call may be executed more than once. Defaults
	// to false.
	Idempotent bool
	// HedgeAfter is how long an attempt may take before a second one starts
	// beside it, at another node; 0 is never. It has an effect only on idempotent
	// calls with Retries of 1 or more and without call wrappers. Defaults to 0.
	HedgeAfter time.Duration
	// ConnClose closes the connection after each attempt. Over HTTP the request
	// tells the server so ("Connection: close"). Defaults to false.
	ConnClose bool
	// CallWrappers around each attempt, outermost first. Defaults to none.
	CallWrappers []CallWrapper
	// StreamWrappers around the opening of each stream, outermost first.
	// Defaults to none.
	StreamWrappers []StreamWrapper
	// Filters reduce the nodes for this call, after those of the client. Defaults
	// to none.
	Filters []Filter
	// Strategy replaces the client's strategy. Defaults to nil.
	Strategy Strategy
	// Header are fields that are sent besides metadata. A name may occur several
	// times if the transport can send it so (gRPC). Defaults to none.
	Header transport.Header
	// ReplyHeader and ReplyTrailer, if not nil, get the fields of the reply that
	// the transport has. Over HTTP they are of little use, because a go-micro
	// server repeats the fields of the connection's first request.
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

// DefaultOptions returns the default options.
func DefaultOptions() Options {
	o := Options{
		Name:        "mailcall",
		ContentType: "application/protobuf",
		Codecs:      builtin.Codecs(),
		Transport:   overHTTP,
		Transports:  make(map[string]transport.Transport),
		Strategy:    selector.P2C{},

		PoolSize: 100, PoolMax: 16384, PoolWaiters: 65536,
		PoolTTL: 5 * time.Minute, PoolIdleTimeout: time.Minute,
		DialTimeout: 5 * time.Second, MaxCalls: 65536, MaxStreams: 16384, MaxServices: 16384,

		RetryBudget: 10, RetryBudgetRatio: 0.1, RetryBudgetReserve: 0.5,

		CallOptions: CallOptions{
			RequestTimeout: 30 * time.Second, AttemptTimeout: 5 * time.Second,
			HalfCloseWait: time.Second,
			Retries:       2, BackoffBase: 50 * time.Millisecond, BackoffCap: time.Second,
		},
		methods: make(map[string][]CallOption),
		sources: make(map[string]string),
	}
	if t, err := http.New(); err == nil {
		o.Transports[t.String()] = t
	}
	for _, s := range settings() {
		o.from(s.name, sourceDefault)
	}
	return o
}
