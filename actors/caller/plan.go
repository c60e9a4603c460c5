// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"context"
	"sync/atomic"
	"time"

	"example.com/mailcall/messages"
	"example.com/mailcall/transport"
)

// Plan is everything about a call that is the same for all calls of a method
// with the same options. It is immutable, and those calls share it.
type Plan struct {
	// Service and Endpoint name what is called.
	Service, Endpoint string
	// Key is the service's key in the root's directory. Addresses, if any, are
	// used instead of the registry; then Key is derived from them.
	Key       string
	Addresses []string
	// Transport is the transport of the Addresses; "" is the default one.
	Transport string
	// Timeout bounds a call whose context has no deadline; 0 is no bound.
	Timeout time.Duration
	// AttemptTimeout bounds one attempt; 0 bounds it by the call only.
	AttemptTimeout time.Duration
	// Attempts is how many attempts a call may make, 1 or more.
	Attempts int
	// HedgeAfter is how long the first attempt may take before a second one
	// starts beside it; 0 is never.
	HedgeAfter time.Duration
	// Idempotent says that the call may be executed more than once.
	Idempotent bool
	// BackoffBase and BackoffCap are the parameters of the retrier's backoff.
	BackoffBase, BackoffCap time.Duration
	// Filters are applied after those of the client; Picker, if not nil,
	// replaces that of the service.
	Filters []messages.Filter
	Picker  messages.Picker
	// Close makes each attempt close its connection when it ends.
	Close bool
	// Wrapped says that attempts go through [Exchange.Wrap].
	Wrapped bool

	// Stream says that the call opens a stream, with [Desk.Open]. StreamTimeout
	// bounds the whole stream; 0 is no bound.
	Stream        bool
	StreamTimeout time.Duration

	// service caches the directory entry.
	service atomic.Pointer[messages.Service]
}

// Exchange is what the facade knows about one call and the actors do not: how
// its request is written and what a reply means. Its methods run one at a time,
// on the goroutine that waits for the call; only Fill and ReplyError of attempts that
// race may run on another. A panic in any of them is an error of that attempt.
type Exchange interface {
	// Encode encodes the request's value once, before the first attempt. An
	// error ends the call. brief says that it took too little time to be worth
	// reading the clock again, which is expensive compared with the rest of a
	// call.
	Encode() (brief bool, err error)
	// Fill writes the request for one attempt into m. remaining is the time
	// that the attempt has, 0 if it has no bound. An error ends the call.
	Fill(ctx context.Context, m *transport.Message, node *messages.Node, remaining time.Duration) error
	// ReplyError returns the error that the reply carries, nil if it is a good one.
	// told is the error that the transport itself has reported, if any; then m
	// may be empty. If told is nil, an error that matches transport.ErrProtocol
	// says that the reply answers another request; the connection is closed.
	ReplyError(m *transport.Message, node *messages.Node, told error) error
	// Decode decodes the winning reply into the caller's value. It is called at
	// most once, unless attempts are wrapped.
	Decode(m *transport.Message) error
	// Retry calls the user's retry and backoff functions for the failed attempt
	// number n, counted from 1. A negative backoff means that there is no
	// backoff function. An error ends the call.
	Retry(n int, failure error) (messages.Wish, time.Duration, error)
	// Wrap runs the user's call wrappers around do. It is only called if
	// Plan.Wrapped is set.
	Wrap(node *messages.Node, do func(context.Context) error) error
	// Sent says that the request's bytes are no longer needed and may be reused;
	// or, with taken, that the connection has taken over the loan of them. Fill
	// may be called again, for another attempt.
	Sent(taken bool)
	// Keep says that the request's bytes may be read after the call has
	// returned, so they must not be reused.
	Keep()
}
