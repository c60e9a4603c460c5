// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"context"
	"sync/atomic"
	"time"

	"example.com/mailcall/messages"
	"example.com/mailcall/transport"
)

// Plan is everything about a call that does not change from one call of a
// method to the next. It is immutable and shared by all of them.
type Plan struct {
	// Service and Endpoint name what is called.
	Service, Endpoint string
	// Key finds the service in the root's directory; Addresses, if any, are
	// used in place of the registry, and then Key is made of them.
	Key       string
	Addresses []string
	// Transport, if not "", is that of the Addresses.
	Transport string
	// Timeout bounds a call whose context has no deadline. 0 is no bound.
	Timeout time.Duration
	// AttemptTimeout bounds one attempt. 0 is no bound of its own.
	AttemptTimeout time.Duration
	// Attempts is how many attempts a call may make, 1 or more.
	Attempts int
	// HedgeAfter is when a second attempt starts to race the first. 0 is never.
	HedgeAfter time.Duration
	// Idempotent calls may be executed more than once.
	Idempotent bool
	// BackoffBase and BackoffCap shape the retrier's backoff.
	BackoffBase, BackoffCap time.Duration
	// Filters narrow the nodes for this plan only, after those of the client;
	// Picker, if not nil, replaces the service's own.
	Filters []messages.Filter
	Picker  messages.Picker
	// Close makes each attempt close its connection afterwards.
	Close bool
	// Wrapped says that attempts go through [Exchange.Wrap].
	Wrapped bool

	// Stream says that the call opens a stream, for [Desk.Open]; StreamTimeout
	// bounds the stream, 0 is no bound.
	Stream        bool
	StreamTimeout time.Duration

	// service caches the directory entry.
	service atomic.Pointer[messages.Service]
}

// Exchange is what the facade knows about one call and the actors do not: how
// its request is written and what a reply means. All methods are called on
// the goroutine that waits for the call, but for Fill and Judge of attempts
// that race, which run one after the other all the same. A panic in any of
// them is an error of that attempt.
type Exchange interface {
	// Encode writes the request's value, for all attempts and before the first
	// of them. An error ends the call. brief says that it took no time worth a
	// look at the clock, which is dear beside the rest of a call.
	Encode() (brief bool, err error)
	// Fill writes the request for one attempt into m. remaining is the time
	// until the attempt must have ended, 0 if it may take for ever. An error
	// ends the call.
	Fill(ctx context.Context, m *transport.Message, node *messages.Node, remaining time.Duration) error
	// Judge returns the error that the reply says, nil for a good one. told is
	// the error that the wire itself has told, if it did; m may be empty then.
	// An error that matches transport.ErrProtocol, where told is nil, says that
	// the reply is one to another request: the connection is given up.
	Judge(m *transport.Message, node *messages.Node, told error) error
	// Decode puts the winner's reply into the caller's value. It is called
	// at most once for an attempt that is not wrapped.
	Decode(m *transport.Message) error
	// Retry asks the user's retry function and backoff about a failed
	// attempt, n counted from 1. A negative backoff means there is none. An
	// error ends the call.
	Retry(n int, failure error) (messages.Wish, time.Duration, error)
	// Wrap runs the user's call wrappers around do. Only called with
	// Plan.Wrapped.
	Wrap(node *messages.Node, do func(context.Context) error) error
	// Sent says that the request's bytes are wanted no longer and may be
	// reused; or, with taken, that the connection has taken the loan of them.
	// Fill may be called again, for another attempt.
	Sent(taken bool)
	// Keep says that the request's bytes may be read after the call has
	// returned, so they must not be reused.
	Keep()
}
