// SPDX-License-Identifier: Apache-2.0

package grpc_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

var errEOF = io.EOF

func open(t *testing.T, c transport.Streamer, ctx context.Context, method string, fields ...transport.Field) transport.Stream { //nolint:revive // the test comes first
	t.Helper()
	s, err := c.Open(ctx, time.Time{}, request(t, method, nil, fields...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func send(t *testing.T, s transport.Stream, v proto.Message) {
	t.Helper()
	if err := s.Send(request(t, "", v)); err != nil {
		t.Fatal(err)
	}
}

func want(size int) *testpb.StreamingOutputCallRequest {
	return &testpb.StreamingOutputCallRequest{ResponseParameters: []*testpb.ResponseParameters{{Size: int32(size)}}}
}

func TestStreamPingPong(t *testing.T) {
	address, _ := startStock(t, nil)
	c := dial(t, address)
	s := open(t, c, bound(t), "FullDuplexCall", transport.Field{Name: "x-grpc-test-echo-initial", Value: "hi"},
		transport.Field{Name: "x-grpc-test-echo-trailing-bin", Value: "\x01\xfe"})
	var m transport.Message
	for _, size := range []int{31415, 9, 2653, 58979} {
		send(t, s, want(size))
		if err := s.Recv(&m); err != nil {
			t.Fatal(err)
		}
		var got testpb.StreamingOutputCallResponse
		if err := proto.Unmarshal(m.Body, &got); err != nil || len(got.GetPayload().GetBody()) != size {
			t.Errorf("got %d bytes, %v, want %d", len(got.GetPayload().GetBody()), err, size)
		}
	}
	if h, err := s.Header(); err != nil || h.Get("x-grpc-test-echo-initial") != "hi" || h.Get("Content-Type") == "" {
		t.Errorf("got header %v, %v, want the initial field", h, err)
	}
	if running, _ := c.Load(); running != 1 {
		t.Errorf("got %d running, want the stream", running)
	}
	if got := s.Trailer(); got != nil {
		t.Errorf("got trailer %v before the end, want none", got)
	}
	if err := s.CloseSend(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Recv(&m); err != io.EOF {
			t.Errorf("got %v, want io.EOF", err)
		}
	}
	if got := s.Trailer().Get("x-grpc-test-echo-trailing-bin"); got != "\x01\xfe" {
		t.Errorf("got trailer %v, want the trailing field", s.Trailer())
	}
	if running, _ := c.Load(); running != 0 {
		t.Errorf("got %d running, want none", running)
	}
	if err := s.Send(&transport.Message{}); err == nil {
		t.Error("got no error from Send after CloseSend, want one")
	}
}

func TestStreamKinds(t *testing.T) {
	address, _ := startStock(t, nil)
	c := dial(t, address)

	up := open(t, c, bound(t), "StreamingInputCall")
	for range 3 {
		send(t, up, &testpb.StreamingInputCallRequest{Payload: &testpb.Payload{Body: make([]byte, 10)}})
	}
	if err := up.CloseSend(); err != nil {
		t.Fatal(err)
	}
	var m transport.Message
	var sum testpb.StreamingInputCallResponse
	if err := up.Recv(&m); err != nil {
		t.Fatal(err)
	}
	if err := proto.Unmarshal(m.Body, &sum); err != nil || sum.GetAggregatedPayloadSize() != 30 {
		t.Errorf("got %d, %v, want 30", sum.GetAggregatedPayloadSize(), err)
	}
	wantIs(t, up.Recv(&m), io.EOF)

	down := open(t, c, bound(t), "StreamingOutputCall")
	send(t, down, &testpb.StreamingOutputCallRequest{ResponseParameters: []*testpb.ResponseParameters{{Size: 1}, {Size: 2}}})
	if err := down.CloseSend(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := down.Recv(&m); err != nil {
			t.Fatal(err)
		}
	}
	wantIs(t, down.Recv(&m), io.EOF)
}

func TestStreamErrors(t *testing.T) {
	address, _ := startStock(t, nil)
	c := dial(t, address)

	unknown := open(t, c, bound(t), "Nope")
	err := drain(t, unknown)
	wantIs(t, err, transport.ErrAnswered)
	if st, _ := status.FromError(err); st.Code() != codes.Unimplemented {
		t.Errorf("got %v, want Unimplemented", err)
	}
	wantIs(t, unknown.Send(&transport.Message{}), io.EOF)
	if h, err := unknown.Header(); err != nil || len(h) != 0 {
		t.Errorf("got header %v, %v, want none", h, err)
	}

	late := open(t, c, bound(t), "FullDuplexCall")
	send(t, late, want(5))
	send(t, late, &testpb.StreamingOutputCallRequest{ResponseStatus: &testpb.EchoStatus{Code: 9, Message: "no more"}})
	err = drain(t, late)
	wantIs(t, err, transport.ErrAnswered)
	var wire *rpcerr.Error
	if !errors.As(err, &wire) || wire.Code != 412 || wire.Detail != "no more" {
		t.Errorf("got %v, want code 412", err)
	}
}

func TestStreamDeadlineAndCancel(t *testing.T) {
	address, _ := startStock(t, nil)
	c := dial(t, address)
	var m transport.Message

	s, err := c.Open(bound(t), time.Now().Add(50*time.Millisecond), request(t, "FullDuplexCall", nil))
	if err != nil {
		t.Fatal(err)
	}
	err = s.Recv(&m)
	wantIs(t, err, os.ErrDeadlineExceeded)
	wantNot(t, err, transport.ErrAnswered)

	// After the header has been received, other rules detect the end.
	ctx, cancel := context.WithCancel(bound(t))
	s = open(t, c, ctx, "FullDuplexCall")
	send(t, s, want(1))
	if err := s.Recv(&m); err != nil {
		t.Fatal(err)
	}
	cancel()
	err = s.Recv(&m)
	wantIs(t, err, context.Canceled)
	wantNot(t, err, transport.ErrAnswered)

	ctx, cancel = context.WithCancel(bound(t))
	s = open(t, c, ctx, "FullDuplexCall")
	cancel()
	await(t, "a Send that fails", func() bool {
		err = s.Send(&transport.Message{Body: []byte{}})
		return err != nil
	})
	wantIs(t, err, context.Canceled)

	s = open(t, c, bound(t), "FullDuplexCall")
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	wantIs(t, s.Recv(&m), net.ErrClosed)

	_, err = c.Open(ctx, time.Time{}, request(t, "FullDuplexCall", nil))
	wantIs(t, err, context.Canceled, transport.ErrNotSent)
	await(t, "streams to be counted out", func() bool {
		running, _ := c.Load()
		return running == 0
	})
}

func TestStreamBackPressure(t *testing.T) {
	address, _ := startStock(t, nil)
	c := dial(t, address)
	s, err := c.Open(bound(t), time.Now().Add(300*time.Millisecond), request(t, "FullDuplexCall", nil))
	if err != nil {
		t.Fatal(err)
	}
	// The server sends a large answer to each message, and the client does not read it.
	m := request(t, "", want(1<<20))
	for err == nil {
		err = s.Send(m)
	}
	wantIs(t, err, os.ErrDeadlineExceeded)
}

func TestStreamTooLarge(t *testing.T) {
	address, _ := startStock(t, nil)
	c := dial(t, address)
	s := open(t, c, bound(t), "FullDuplexCall")
	wantIs(t, s.Send(&transport.Message{Body: make([]byte, 5<<20)}), transport.ErrTooLarge)
	send(t, s, want(10))
	var m transport.Message
	if err := s.Recv(&m); err != nil {
		t.Errorf("got %v after a message that was not sent, want none", err)
	}
	send(t, s, want(5<<20))
	err := s.Recv(&m)
	wantIs(t, err, transport.ErrTooLarge)
	wantNot(t, err, transport.ErrAnswered)
	if err := c.Exchange(bound(t), time.Time{}, request(t, "EmptyCall", nil), &m); err != nil {
		t.Errorf("got %v from the connection, want none", err)
	}
}
