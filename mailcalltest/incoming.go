// SPDX-License-Identifier: Apache-2.0

package mailcalltest

import (
	"context"
	"errors"
	"time"

	"example.com/mailcall/metadata"
	"example.com/mailcall/transport"
)

// native is implemented by the exchanges of gRPC's own protocol, whose servers
// never leave a call without an answer.
type native interface {
	transport.Incoming
	// Metadata is what the handlers of such servers get.
	Metadata() transport.Header
}

// accept serves a connection of a transport with exchanges of its own. They need
// no ids, because each has its own way to answer.
func (s *session) accept(ctx context.Context, a transport.Acceptor) {
	for {
		in, err := a.Accept()
		if err != nil {
			return
		}
		if !s.receive(ctx, in) {
			return
		}
	}
}

// receive begins one exchange and reports whether the connection goes on.
func (s *session) receive(ctx context.Context, in transport.Incoming) bool {
	m := &transport.Message{Header: in.Opening().Clone()}
	if in.Unary() {
		var request transport.Message
		if err := in.Recv(&request); err != nil {
			return !s.lost()
		}
		m.Body = append([]byte(nil), request.Body...)
		if topic := m.Header.Get(headTopic); topic != "" {
			return in.End(s.published(ctx, topic, m)) == nil || !s.lost()
		}
	}
	headers := s.metadata(in, m.Header)
	c := chooseCodec(s.r.codecs, &m.Header)
	if c == nil {
		return in.End(unsupported(m)) == nil || !s.lost()
	}
	select {
	case s.slots <- struct{}{}:
	case <-s.gone:
		return false
	}
	x := &exchange{
		s: s, opening: m, codec: c, in: in, headers: headers,
		contentType: m.Header.Get(headType),
		over:        make(chan struct{}),
	}
	if in.Unary() {
		x.route()
	} else {
		x.rpcID = exact(m.Header, headID)
		x.routeTo("")
	}
	x.admit()
	s.r.work.Add(1)
	go x.runIncoming(in.Context()) //nolint:contextcheck // an exchange has a context of its own
	return true
}

// metadata returns the header of an exchange, as it arrived, as its handler gets it.
func (s *session) metadata(in transport.Incoming, h transport.Header) metadata.Metadata {
	n, is := in.(native)
	if !is {
		return toMetadata(h, s.local, s.remote)
	}
	md := toMetadata(n.Metadata(), s.local, s.remote)
	delete(md, "Local") // gRPC servers do not have it
	return md
}

func (x *exchange) runIncoming(ctx context.Context) {
	if x.handler.unary != nil && !x.in.Unary() {
		// A stream to an endpoint that takes one request: its first message.
		var first transport.Message
		if err := x.in.Recv(&first); err == nil {
			x.opening.Body = append([]byte(nil), first.Body...)
			if envelope, payload, err := open(x.codec, x.opening); err == nil {
				x.rpcID, x.payload = envelope.ID, payload
			}
		}
	}
	x.run(ctx)
}

// conclude sends the answer, or what ends a stream. A unary exchange without an
// answer gets none: the client waits.
func (x *exchange) conclude(answer *transport.Message) {
	if answer == nil && !x.concluded {
		return
	}
	if !x.pass(answer, x.end) && x.handler.unary != nil {
		x.s.r.count(x.handler.name, func(e *EndpointStats) { e.Abandoned++ })
	}
}

// end ends the exchange with the answer. If that cannot be written, it answers with
// an error instead, because the client would wait in vain.
func (x *exchange) end(answer *transport.Message) error {
	err := x.in.End(answer)
	if errors.Is(err, transport.ErrTooLarge) || errors.Is(err, transport.ErrInvalid) {
		err = x.in.End(x.failed(err))
	}
	return err
}

// pass sends a message as its fault says, and reports whether it was sent.
func (x *exchange) pass(m *transport.Message, send func(*transport.Message) error) bool {
	switch f := x.fault; f.kind {
	case kindReset:
		reset(x.s.conn)
		x.s.end()
		return false
	case kindTruncate:
		x.s.end()
		return false
	case kindSlow:
		if m != nil && !wait(x.s.r.clock, slowness(f, len(m.Body)), x.s.gone) {
			return false
		}
	default:
	}
	return send(m) == nil && !x.givenUp()
}

// slowness returns how long sending n bytes takes under a Slow fault.
func slowness(f Fault, n int) time.Duration {
	return time.Duration((n+f.n-1)/f.n) * f.delay
}

// givenUp reports whether the client no longer waits, for any reason other than the
// deadline.
func (x *exchange) givenUp() bool {
	return errors.Is(x.in.Context().Err(), context.Canceled) && x.s.lost()
}
