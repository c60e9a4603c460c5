// SPDX-License-Identifier: Apache-2.0

//go:build conformance

package main

import (
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/protobuf/proto"

	"example.com/mailcall/api"
	conformancev1 "example.com/mailcall/tests/grpc/internal/conformancev1"
)

// stream runs a stream of any kind.
func (t *task) stream(ctx context.Context, reply func() proto.Message) {
	s, err := t.client.Stream(ctx, t.to(nil), t.options()...)
	if err != nil {
		t.result.Error = failure(err)
		t.result.NumUnsentRequests = int32(len(t.messages))
		return
	}
	defer func() { _ = s.Close() }()
	err = t.send(ctx, s, reply)
	if err == nil {
		t.halfClose(ctx, s)
	}
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		// The stream has ended with this error.
	case t.request.GetStreamType() == conformancev1.StreamType_STREAM_TYPE_CLIENT_STREAM:
		err = t.receiveOne(s, reply)
	default:
		err = t.receiveAll(s, reply)
	}
	t.result.Error = failure(err)
}

// send sends all messages. io.EOF means that the server has ended the stream already,
// and Recv returns the reason.
func (t *task) send(ctx context.Context, s api.Stream, reply func() proto.Message) error {
	duplex := t.request.GetStreamType() == conformancev1.StreamType_STREAM_TYPE_FULL_DUPLEX_BIDI_STREAM
	for i, m := range t.messages {
		pause(ctx, time.Duration(t.request.GetRequestDelayMs())*time.Millisecond)
		if err := s.Send(m); err != nil {
			t.result.NumUnsentRequests = int32(len(t.messages) - i)
			return err
		}
		if !duplex {
			continue
		}
		if err := t.receive(s, reply()); err != nil {
			t.result.NumUnsentRequests = int32(len(t.messages) - i - 1)
			return err
		}
	}
	return nil
}

// halfClose half-closes the stream, and cancels it if the suite asks for that.
func (t *task) halfClose(ctx context.Context, s api.Stream) {
	if t.timing.beforeCloseSend {
		t.cancel()
		return
	}
	_ = s.CloseSend() // Recv returns the stream's error
	if t.timing.afterCloseSend >= 0 {
		pause(ctx, t.timing.afterCloseSend)
		t.cancel()
	}
}

// pause waits, but not beyond the end of the stream.
func pause(ctx context.Context, d time.Duration) {
	if d == 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// receive reads one message, and cancels the stream if the suite asks for that after
// this message.
func (t *task) receive(s api.Stream, m proto.Message) error {
	if err := s.Recv(m); err != nil {
		return err
	}
	t.take(m)
	if len(t.result.Payloads) == t.timing.afterResponses {
		t.cancel()
	}
	return nil
}

func (t *task) receiveAll(s api.Stream, reply func() proto.Message) error {
	for {
		switch err := t.receive(s, reply()); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

var (
	errNoReply    = errors.New("the server ended the stream without an error and without a reply, want one")
	errTwoReplies = errors.New("the server sent a second reply, want one")
)

// receiveOne reads the single reply of a client stream, and the end.
func (t *task) receiveOne(s api.Stream, reply func() proto.Message) error {
	first, second := reply(), reply()
	switch err := s.Recv(first); {
	case errors.Is(err, io.EOF):
		return errNoReply
	case err != nil:
		return err
	}
	switch err := s.Recv(second); {
	case err == nil:
		return errTwoReplies
	case !errors.Is(err, io.EOF):
		return err
	}
	t.take(first)
	return nil
}
