// SPDX-License-Identifier: Apache-2.0

package broker

import "fmt"

const (
	// DefaultWaiting is how many events may wait for a subscriber unless
	// [WithWaiting] says otherwise.
	DefaultWaiting = 1024
	// DefaultWaitingBytes is how many bytes the events that wait for a
	// subscriber may have together unless [WithWaitingBytes] says otherwise:
	// 64 MiB, the default of NATS clients.
	DefaultWaitingBytes = 64 << 20

	maxWaiting = 1 << 20
)

// SubscribeOption changes one subscription. Options are applied in order; a
// later one replaces an earlier one.
type SubscribeOption interface{ apply(*SubscribeOptions) error }

type subscribeFunc func(*SubscribeOptions) error

func (f subscribeFunc) apply(o *SubscribeOptions) error { return f(o) }

// SubscribeOptions are the resulting options of a subscription, for implementations
// of brokers.
type SubscribeOptions struct {
	// Queue as in [WithQueue].
	Queue string
	// Waiting as in [WithWaiting].
	Waiting int
	// WaitingBytes as in [WithWaitingBytes].
	WaitingBytes int
	// OnError as in [WithErrorFunc]. Nil is none.
	OnError func(e Event, err error)
}

// NewSubscribeOptions returns the defaults with opts applied, or the error of
// the first that is out of range.
func NewSubscribeOptions(opts ...SubscribeOption) (SubscribeOptions, error) {
	o := SubscribeOptions{Waiting: DefaultWaiting, WaitingBytes: DefaultWaitingBytes}
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt.apply(&o); err != nil {
			return SubscribeOptions{}, err
		}
	}
	return o, nil
}

// WithQueue makes the subscription share its events with all others of the same
// topic and queue: each event goes to one of them. Defaults to "", with which the
// subscription gets every event.
func WithQueue(name string) SubscribeOption {
	return subscribeFunc(func(o *SubscribeOptions) error {
		o.Queue = name
		return nil
	})
}

// WithWaiting bounds how many events wait for the handler, 1 to 1,048,576. Events
// beyond it are lost to this subscription: each is counted and reported with
// [ErrFull] to the function of [WithErrorFunc], and to the publisher if the broker
// can. Defaults to [DefaultWaiting].
func WithWaiting(events int) SubscribeOption {
	return subscribeFunc(func(o *SubscribeOptions) error {
		if events < 1 || events > maxWaiting {
			return fmt.Errorf("broker: %d events may wait, want 1 to %d", events, maxWaiting)
		}
		o.Waiting = events
		return nil
	})
}

// WithWaitingBytes bounds the bytes in the headers and bodies of the waiting
// events, 1 to 1 GiB. Events beyond it are lost as with [WithWaiting]. If no event
// is waiting, one of any size is accepted. Defaults to [DefaultWaitingBytes].
func WithWaitingBytes(bytes int) SubscribeOption {
	return subscribeFunc(func(o *SubscribeOptions) error {
		if bytes < 1 || bytes > 1<<30 {
			return fmt.Errorf("broker: %d bytes of events may wait, want 1 to %d", bytes, 1<<30)
		}
		o.WaitingBytes = bytes
		return nil
	})
}

// WithErrorFunc sets a function that is called for each event on which the handler
// failed, or panicked or ended its goroutine (then the error matches
// rpcerr.ErrPanic), and for each that was lost because too many were waiting
// ([ErrFull]). It is called by many goroutines of the broker at once and must not
// block; a panic in it is ignored.
// Defaults to nil: the errors are dropped, and lost events are still counted.
func WithErrorFunc(f func(e Event, err error)) SubscribeOption {
	return subscribeFunc(func(o *SubscribeOptions) error {
		o.OnError = f
		return nil
	})
}
