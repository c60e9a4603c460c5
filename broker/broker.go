// SPDX-License-Identifier: Apache-2.0

// Package broker is the contract between mailcall and whatever carries events
// from publishers to subscribers.
//
// A broker delivers at most once: a message is lost to a subscriber that is away,
// or whose bound of waiting messages is reached. Publish reports what it knows of
// that and never keeps a message for later.
//
// Package broker/delivery is the subscriber's side of most brokers, ready to use;
// package broker/envelope is the JSON in which go-micro's HTTP and NATS brokers
// wrap a message.
package broker

import (
	"context"

	"example.com/mailcall/metadata"
)

// Message is one event: a header and a body.
type Message struct {
	// Header has the fields; their names are sent as they are. Nil is none.
	// go-micro's clients set "Content-Type", "Micro-Topic" and "Micro-ID".
	Header metadata.Metadata
	// Body is the encoded value. Nil is the same as empty.
	Body []byte
}

// Event is a message as a subscriber receives it.
type Event struct {
	// Topic is the name that the message was published to.
	Topic string
	// Message is owned by the handler. If Err is set, its body is the raw payload
	// and it has no header.
	Message Message
	// Err, if not nil, says that the payload is not in the broker's format; it
	// matches [ErrMalformed].
	Err error
}

// Handler is called with each event of a subscription, one call at a time, in the
// order in which the events arrived. Its context is cancelled when the
// subscription or the broker is closed. An error or a panic concerns this event
// only; it is passed to the function of [WithErrorFunc], and the publisher does
// not learn of it.
type Handler func(ctx context.Context, e Event) error

// Broker carries events. Implementations must be safe for concurrent use. A broker
// that holds connections also implements [io.Closer], and [Connecter] if they
// should be opened before the first message.
type Broker interface {
	// Publish hands m to the subscribers of topic: to each one that has no
	// queue, and to one of each queue. It returns when the broker has taken it,
	// not when it is handled, and at the latest when ctx is done. It keeps no
	// reference to m. An error that matches [ErrNotSent] proves that nobody can
	// have got the message; a [*PartialError] says who has; any other leaves it
	// open.
	Publish(ctx context.Context, topic string, m *Message) error
	// Subscribe calls handle with the events of topic from now on, until the
	// subscription is closed. ctx bounds the call only.
	Subscribe(ctx context.Context, topic string, handle Handler, opts ...SubscribeOption) (Subscription, error)
	// String is the short name by which options and the inspector know it:
	// "http", "memory".
	String() string
}

// Connecter is a [Broker] that connects by a call of its own. mailcall calls
// Connect once before the first Publish; Publish and Subscribe work without
// it. Connect may be called repeatedly and concurrently, and does nothing if there
// is a connection.
type Connecter interface {
	// Connect returns at the latest when ctx is done. After an error it may be
	// called again.
	Connect(ctx context.Context) error
}

// Subscription is a running subscription. Its methods may be called by any
// goroutine, from the handler too.
type Subscription interface {
	// Topic is the name that was subscribed to.
	Topic() string
	// Queue is the queue that it shares, "" for none.
	Queue() string
	// Dropped counts the events that were lost to this subscription because too
	// many were waiting.
	Dropped() uint64
	// Close ends the subscription: waiting events are dropped, no call of the
	// handler begins afterwards, and the context of a running one is cancelled.
	// Close does not wait for it; [Subscription.Done] does. It may be repeated.
	Close() error
	// Done is closed when the subscription is and its handler has returned.
	Done() <-chan struct{}
}
