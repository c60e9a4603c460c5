// SPDX-License-Identifier: Apache-2.0

package rpcerr

import "errors"

// Each sentinel is matched with errors.Is against what Call returned.
var (
	// ErrNotFound: the registry has answered and does not know the service, or the
	// client has no registry and the call no address.
	ErrNotFound = errors.New("service unknown")
	// ErrNoneAvailable: the service is known, but no node of it can be
	// chosen: none is registered, or filters left none.
	ErrNoneAvailable = errors.New("no node available")
	// ErrRegistryUnavailable: the registry could not be asked.
	ErrRegistryUnavailable = errors.New("registry unreachable")
	// ErrOverloaded: a bound of the client was reached; nothing was sent.
	ErrOverloaded = errors.New("overloaded")
	// ErrClosed: the client was closed.
	ErrClosed = errors.New("client closed")
	// ErrMessageTooLarge: a request or reply is over the limit of the
	// transport or the codec.
	ErrMessageTooLarge = errors.New("message too large")
	// ErrInvalidArgument: the call could not begin: nil context, request or
	// reply, empty service or endpoint, an option out of range.
	ErrInvalidArgument = errors.New("invalid argument")
	// ErrUnsupportedContentType: no codec is registered for the content type.
	ErrUnsupportedContentType = errors.New("unsupported content type")
	// ErrUnsupportedTransport: no transport is registered under the name
	// that an option or the node's metadata gives.
	ErrUnsupportedTransport = errors.New("unsupported transport")
	// ErrAttemptTimeout: an attempt used up its own bound while the call's
	// deadline had not passed.
	ErrAttemptTimeout = errors.New("attempt timed out")
	// ErrPanic: user code that the client calls (codec, call or stream wrapper,
	// filter, strategy, retry or backoff function, transport, registry, broker)
	// panicked; the error text has the stack. Or it ended its goroutine
	// (runtime.Goexit); then the text says so.
	ErrPanic = errors.New("panic in user code")
	// ErrNotImplemented: the transport cannot do this, such as streams over a
	// shared connection.
	ErrNotImplemented = errors.New("not implemented")
)
