// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"errors"
	"time"
)

var (
	// ErrInterrupted is what Send and Recv return once Interrupt was called.
	ErrInterrupted = errors.New("transport: interrupted")
	// ErrProtocol is matched by every error that says that the peer has violated the
	// protocol. The connection must not be used any further.
	ErrProtocol = errors.New("transport: the peer broke the wire protocol")
	// ErrTooLarge is matched when a request or reply is over the transport's limit.
	// That is checked before memory is allocated for it.
	ErrTooLarge = errors.New("transport: message too large")
	// ErrInvalid is matched when the transport cannot carry a message at all, such as
	// one with a blank in the name of a header field. Sending it again, here or
	// elsewhere, does not help.
	ErrInvalid = errors.New("transport: invalid message")
	// ErrNotSent is matched by errors made with [NotSent].
	ErrNotSent = errors.New("transport: not sent")
	// ErrFull is matched when a [Shared] connection carries as many exchanges
	// as it may.
	ErrFull = errors.New("transport: the connection carries all the exchanges that it may")
	// ErrStale is matched when a [RoundTripper] finds that an idle connection can
	// no longer be used: the peer has closed it, or has sent something unsolicited.
	// Nothing was sent on it then.
	ErrStale = errors.New("transport: stale connection")
	// ErrComplete is matched when the error is an answer that was received completely,
	// after which the connection can be used again if it is Ready. mailcall closes an
	// [Exclusive] connection after all other errors of an exchange that has begun.
	ErrComplete = errors.New("transport: a complete answer, but not from the service")
	// ErrAddress is matched by errors made with [BadAddress].
	ErrAddress = errors.New("transport: unusable address")
	// ErrAnswered is matched by errors made with [Answered].
	ErrAnswered = errors.New("transport: the peer answered with an error")
)

// NotSent marks err as proof that no byte of the message can have reached the peer,
// so that it is safe to send the message again elsewhere. It returns nil for nil.
func NotSent(err error) error {
	if err == nil {
		return nil
	}
	return &notSentError{err}
}

type notSentError struct{ error }

func (e *notSentError) Unwrap() error { return e.error }

func (e *notSentError) Is(target error) bool { return target == ErrNotSent }

// BadAddress marks an error of Dial as one about the address: it is not valid for
// this transport, and dialling it again does not help. mailcall goes on with other
// nodes, if there are any. It returns nil for nil.
func BadAddress(err error) error {
	if err == nil {
		return nil
	}
	return &badAddressError{err}
}

type badAddressError struct{ error }

func (e *badAddressError) Unwrap() error { return e.error }

func (e *badAddressError) Is(target error) bool { return target == ErrAddress }

// Answered marks err as the peer's answer to the request. A transport whose protocol
// has a status of its own returns a bad one in this way. It returns nil for nil.
func Answered(err error) error {
	if err == nil {
		return nil
	}
	return &answeredError{err}
}

type answeredError struct{ error }

func (e *answeredError) Unwrap() error { return e.error }

func (e *answeredError) Is(target error) bool { return target == ErrAnswered }

// Pushback is implemented by errors in which the peer says when to try again.
type Pushback interface {
	error
	// Pushback is how long to wait at least before another attempt. 0: the
	// peer said nothing about that. Negative: it wants no other attempt.
	Pushback() time.Duration
}

// PushbackOf returns the pushback in err, 0 if there is none.
func PushbackOf(err error) time.Duration {
	if p, ok := errors.AsType[Pushback](err); ok {
		return p.Pushback()
	}
	return 0
}
