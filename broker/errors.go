// SPDX-License-Identifier: Apache-2.0

package broker

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrNotSent is matched by errors made with [NotSent].
	ErrNotSent = errors.New("broker: not sent")
	// ErrNoSubscribers is matched when the broker knows that nobody
	// subscribes to the topic. The memory and HTTP brokers know; one that
	// hands messages to a server may not, and Publish succeeds there.
	ErrNoSubscribers = errors.New("broker: nobody subscribes to the topic")
	// ErrFull is matched when too many events wait for a subscriber.
	ErrFull = errors.New("broker: too many events wait for the subscriber")
	// ErrClosed is matched when the broker was closed.
	ErrClosed = errors.New("broker: closed")
	// ErrTooLarge is matched when a message is over the broker's limit. Nothing
	// has been sent then.
	ErrTooLarge = errors.New("broker: message too large")
	// ErrInvalid is matched when the topic or the message cannot be carried
	// at all. Publishing it again, here or elsewhere, is of no use.
	ErrInvalid = errors.New("broker: invalid message or topic")
	// ErrMalformed is matched by the Err of an [Event] whose payload is not in the
	// broker's format.
	ErrMalformed = errors.New("broker: the payload is not a message")
)

// NotSent marks err as proof that neither the broker nor a subscriber can have
// seen the message, so that it is safe to publish it again. It returns nil for
// nil.
func NotSent(err error) error {
	if err == nil {
		return nil
	}
	return &notSentError{err}
}

type notSentError struct{ error }

func (e *notSentError) Unwrap() error { return e.error }

func (e *notSentError) Is(target error) bool { return target == ErrNotSent }

// PartialError says that some subscribers got a message and others did not, or
// may not have. It is immutable.
type PartialError struct {
	// Topic that was published to.
	Topic string
	// Delivered names the subscribers that got the message. They would get it
	// twice if it were published again.
	Delivered []string
	// Failed are the other subscribers, at least one.
	Failed []Failure
}

// Failure is one subscriber that did not get a message.
type Failure struct {
	// Name is the broker's name for the subscriber: a node id over HTTP.
	Name string
	// Err says why. One that matches [ErrNotSent] proves that this subscriber
	// did not get the message.
	Err error
}

// Error names all of these subscribers, and why those that failed did.
func (e *PartialError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "broker: topic %q: %d of %d did not get the message: ", e.Topic, len(e.Failed), len(e.Failed)+len(e.Delivered))
	for i, f := range e.Failed {
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%s: %v", f.Name, f.Err)
	}
	if len(e.Delivered) > 0 {
		fmt.Fprintf(&b, " (delivered to %s)", strings.Join(e.Delivered, ", "))
	}
	return b.String()
}

// Unwrap returns the errors of the failed subscribers without their [ErrNotSent]
// marks, because a message that one subscriber has got was sent.
func (e *PartialError) Unwrap() []error {
	all := make([]error, len(e.Failed))
	for i, f := range e.Failed {
		all[i] = f.Err
		if proof, ok := errors.AsType[*notSentError](f.Err); ok {
			all[i] = proof.error
		}
	}
	return all
}
