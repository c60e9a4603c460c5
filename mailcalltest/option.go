// SPDX-License-Identifier: Apache-2.0

package mailcalltest

import (
	"context"

	"example.com/mailcall/codec"
)

// Option configures a [Responder] when it is made.
type Option func(*Responder)

// WithHandlers adds endpoints. A handler replaces an earlier one of the same
// name.
func WithHandlers(handlers ...Handler) Option {
	return func(r *Responder) {
		for _, h := range handlers {
			r.handlers[h.name] = h
			r.counts[h.name] = &EndpointStats{}
		}
	}
}

// WithCodec adds a codec, or replaces the one of the same content type; nil
// removes it. By default the responder knows all of builtin.Codecs.
func WithCodec(contentType string, c codec.Codec) Option {
	return func(r *Responder) {
		if c == nil {
			delete(r.codecs, contentType)
			return
		}
		r.codecs[contentType] = c
	}
}

// WithSubscriber adds a function that handles the events of a topic. It runs on the
// goroutine of the connection, one event at a time; an error that it returns reaches
// the client as one of go.micro.server. As in go-micro, events of a topic without a
// subscriber are answered without an error.
func WithSubscriber(topic string, f func(ctx context.Context, e Event) error) Option {
	return func(r *Responder) { r.topics[topic] = f }
}

// WithScript starts the responder with a script; see [Responder.SetScript].
func WithScript(s Script) Option {
	return func(r *Responder) { r.faults.script = s.flat() }
}

// WithSeed sets the seed of the random numbers of [Responder.SetFailRate]. Defaults
// to 1, so that two runs fail in the same way.
func WithSeed(seed uint64) Option {
	return func(r *Responder) { r.faults.dice = diceFrom(seed) }
}
