// SPDX-License-Identifier: Apache-2.0

package mailcalltest

import (
	"context"
	"errors"
	"io"

	"example.com/mailcall/transport"
)

// Stream is the server's end of a stream. One goroutine at a time may call Recv,
// and one at a time Send; neither may be called once the handler has returned.
type Stream struct {
	x     *exchange
	first *transport.Message
	id    string // the id of the last message received
	ended bool
}

var errEndOfStream = errors.New(endOfStream)

// stream runs a streaming handler and returns the message that ends it, nil
// for none.
func (x *exchange) stream(ctx context.Context) *transport.Message {
	s := &Stream{x: x, id: x.rpcID}
	if isGRPC(x.contentType) && x.in == nil {
		// With other content types the body of the opening message is dropped.
		s.first = x.opening
	}
	err := x.handler.serve(ctx, s)
	switch {
	case err != nil:
		x.s.r.count(x.handler.name, func(e *EndpointStats) { e.Errors++ })
		return x.failed(err)
	case x.in != nil:
		x.concluded = true // the transport ends the stream itself
		return nil
	case s.ended:
		return nil // the client has ended the stream and gets no further message
	default:
		return x.failed(errEndOfStream)
	}
}

// Recv decodes the next message of the client into v. It returns io.EOF if the
// client has ended the stream or the connection is lost, and the error of the
// context if the stream's deadline has passed. After an error that the client has
// sent, or a decoding error, the stream goes on.
func (s *Stream) Recv(v any) error {
	m, err := s.next()
	if err != nil {
		return err
	}
	switch text := m.Header.Get(headError); text {
	case "":
	case endOfStream:
		return s.end()
	default:
		return errors.New(text)
	}
	envelope, payload, err := open(s.x.codec, m)
	if errors.Is(err, io.EOF) {
		return s.end() // the envelope is missing
	}
	if err != nil {
		return err
	}
	s.id = envelope.ID
	return decode(s.x.codec, m.Body, payload, v)
}

func (s *Stream) next() (*transport.Message, error) {
	if m := s.first; m != nil {
		s.first = nil
		return m, nil
	}
	if s.ended {
		return nil, io.EOF
	}
	if s.x.in != nil {
		m := &transport.Message{}
		err := s.x.in.Recv(m)
		if late := s.x.in.Context().Err(); err != nil && errors.Is(late, context.DeadlineExceeded) {
			return nil, late
		}
		if err != nil {
			return nil, s.end()
		}
		return m, nil
	}
	select {
	case m := <-s.x.inbox:
		return m, nil
	case <-s.x.s.gone:
		return nil, s.end()
	}
}

func (s *Stream) end() error {
	s.ended = true
	return io.EOF
}

// Send encodes v and sends it. It returns an error if the connection is lost.
func (s *Stream) Send(v any) error {
	var header transport.Header
	for _, name := range [...]string{headService, headMethod, headEndpoint} {
		both(&header, name, either(s.x.opening.Header, name))
	}
	if m := s.x.reply(v, s.id, header); m != nil && !s.x.send(m) {
		return io.ErrClosedPipe
	}
	return nil
}
