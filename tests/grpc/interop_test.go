// SPDX-License-Identifier: Apache-2.0

package grpc_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"

	"example.com/mailcall/api"
	"example.com/mailcall/tests/grpc/internal/outcome"
	"example.com/mailcall/transport"
)

// The cases with their names, sizes and texts are those of gRPC's interoperability
// tests (doc/interop-test-descriptions.md).
var cases = []struct {
	name string
	run  func(*testing.T, context.Context, api.Client)
}{
	{"empty_unary", emptyUnary},
	{"large_unary", largeUnary},
	{"client_streaming", clientStreaming},
	{"server_streaming", serverStreaming},
	{"ping_pong", pingPong},
	{"empty_stream", emptyStream},
	{"cancel_after_begin", cancelAfterBegin},
	{"cancel_after_first_response", cancelAfterFirstResponse},
	{"status_code_and_message", statusCodeAndMessage},
	{"special_status_message", specialStatusMessage},
	{"custom_metadata", customMetadata},
	{"unimplemented_method", unimplementedMethod},
	{"unimplemented_service", unimplementedService},
	{"timeout_on_sleeping_server", timeoutOnSleepingServer},
}

func TestInterop(t *testing.T) {
	for _, wire := range []string{"plain", "TLS"} {
		for _, c := range cases {
			t.Run(c.name+"/"+wire, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				c.run(t, ctx, connect(t, wire == "TLS"))
			})
		}
	}
}

const (
	largeRequest = 271828
	largeReply   = 314159
)

var (
	requestSizes = []int{27182, 8, 1828, 45904}
	replySizes   = []int{31415, 9, 2653, 58979}
)

func payload(size int) *testpb.Payload { return &testpb.Payload{Body: make([]byte, size)} }

// to returns a request to a method of the test service.
func to(c api.Client, method string, m any) api.Request {
	return c.NewRequest("grpc.testing", "TestService."+method, m)
}

// open opens a stream.
func open(t *testing.T, ctx context.Context, c api.Client, method string, opts ...api.CallOption) api.Stream {
	t.Helper()
	s, err := c.Stream(ctx, to(c, method, nil), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// must fails the test if a step has failed.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantEnd requires the normal end of the stream.
func wantEnd(t *testing.T, s api.Stream) {
	t.Helper()
	if err := s.Recv(&testpb.StreamingOutputCallResponse{}); !errors.Is(err, io.EOF) {
		t.Errorf("got %v at the end of the stream, want io.EOF", err)
	}
}

// wantStatus requires a code, and a text unless it is empty.
func wantStatus(t *testing.T, err error, code codes.Code, text string) {
	t.Helper()
	if err == nil {
		t.Fatalf("got no error, want %s", code)
	}
	got := outcome.Status(err)
	if got.Code() != code || text != "" && got.Message() != text {
		t.Errorf("got %s %q from %v, want %s %q", got.Code(), got.Message(), err, code, text)
	}
}

// wantSize requires a payload of a size.
func wantSize(t *testing.T, m interface{ GetPayload() *testpb.Payload }, want int) {
	t.Helper()
	if got := len(m.GetPayload().GetBody()); got != want {
		t.Errorf("got a payload of %d bytes, want %d", got, want)
	}
}

func emptyUnary(t *testing.T, ctx context.Context, c api.Client) {
	must(t, c.Call(ctx, to(c, "EmptyCall", &testpb.Empty{}), &testpb.Empty{}))
}

func largeUnary(t *testing.T, ctx context.Context, c api.Client) {
	reply := &testpb.SimpleResponse{}
	must(t, c.Call(ctx, to(c, "UnaryCall", &testpb.SimpleRequest{ResponseSize: largeReply, Payload: payload(largeRequest)}), reply))
	wantSize(t, reply, largeReply)
}

func clientStreaming(t *testing.T, ctx context.Context, c api.Client) {
	s := open(t, ctx, c, "StreamingInputCall")
	for _, size := range requestSizes {
		must(t, s.Send(&testpb.StreamingInputCallRequest{Payload: payload(size)}))
	}
	must(t, s.CloseSend())
	reply := &testpb.StreamingInputCallResponse{}
	must(t, s.Recv(reply))
	if got := reply.GetAggregatedPayloadSize(); got != 74922 {
		t.Errorf("got %d bytes in all, want 74922", got)
	}
	wantEnd(t, s)
}

func serverStreaming(t *testing.T, ctx context.Context, c api.Client) {
	s := open(t, ctx, c, "StreamingOutputCall")
	request := &testpb.StreamingOutputCallRequest{}
	for _, size := range replySizes {
		request.ResponseParameters = append(request.ResponseParameters, &testpb.ResponseParameters{Size: int32(size)})
	}
	must(t, s.Send(request))
	must(t, s.CloseSend())
	for _, size := range replySizes {
		reply := &testpb.StreamingOutputCallResponse{}
		must(t, s.Recv(reply))
		wantSize(t, reply, size)
	}
	wantEnd(t, s)
}

// round sends one message and receives one.
func round(t *testing.T, s api.Stream, out, in int) {
	t.Helper()
	must(t, s.Send(&testpb.StreamingOutputCallRequest{
		ResponseParameters: []*testpb.ResponseParameters{{Size: int32(in)}},
		Payload:            payload(out),
	}))
	reply := &testpb.StreamingOutputCallResponse{}
	must(t, s.Recv(reply))
	wantSize(t, reply, in)
}

func pingPong(t *testing.T, ctx context.Context, c api.Client) {
	s := open(t, ctx, c, "FullDuplexCall")
	for i := range requestSizes {
		round(t, s, requestSizes[i], replySizes[i])
	}
	must(t, s.CloseSend())
	wantEnd(t, s)
}

func emptyStream(t *testing.T, ctx context.Context, c api.Client) {
	s := open(t, ctx, c, "FullDuplexCall")
	must(t, s.CloseSend())
	wantEnd(t, s)
}

func cancelAfterBegin(t *testing.T, ctx context.Context, c api.Client) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := open(t, ctx, c, "StreamingInputCall", api.WithHeader("key1", "value1"), api.WithHeader("key2", "value2"))
	cancel()
	wantStatus(t, s.Recv(&testpb.StreamingInputCallResponse{}), codes.Canceled, "")
}

func cancelAfterFirstResponse(t *testing.T, ctx context.Context, c api.Client) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := open(t, ctx, c, "FullDuplexCall")
	round(t, s, requestSizes[0], replySizes[0])
	cancel()
	wantStatus(t, s.Recv(&testpb.StreamingOutputCallResponse{}), codes.Canceled, "")
}

func statusCodeAndMessage(t *testing.T, ctx context.Context, c api.Client) {
	const text = "test status message"
	status := &testpb.EchoStatus{Code: int32(codes.Unknown), Message: text}
	err := c.Call(ctx, to(c, "UnaryCall", &testpb.SimpleRequest{ResponseStatus: status}), &testpb.SimpleResponse{})
	wantStatus(t, err, codes.Unknown, text)

	s := open(t, ctx, c, "FullDuplexCall")
	must(t, s.Send(&testpb.StreamingOutputCallRequest{ResponseStatus: status}))
	must(t, s.CloseSend())
	wantStatus(t, s.Recv(&testpb.StreamingOutputCallResponse{}), codes.Unknown, text)
}

func specialStatusMessage(t *testing.T, ctx context.Context, c api.Client) {
	const text = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
	status := &testpb.EchoStatus{Code: int32(codes.Unknown), Message: text}
	err := c.Call(ctx, to(c, "UnaryCall", &testpb.SimpleRequest{ResponseStatus: status}), &testpb.SimpleResponse{})
	wantStatus(t, err, codes.Unknown, text)
}

func customMetadata(t *testing.T, ctx context.Context, c api.Client) {
	const (
		initial, initialValue   = "x-grpc-test-echo-initial", "test_initial_metadata_value"
		trailing, trailingValue = "x-grpc-test-echo-trailing-bin", "\xab\xab\xab"
	)
	var header, trailer transport.Header
	opts := []api.CallOption{
		api.WithHeader(initial, initialValue), api.WithHeader(trailing, trailingValue),
		api.WithReplyHeader(&header), api.WithReplyTrailer(&trailer),
	}
	echoed := func() {
		t.Helper()
		if got := header.Get(initial); got != initialValue {
			t.Errorf("got %q in the header, want %q", got, initialValue)
		}
		if got := trailer.Get(trailing); got != trailingValue {
			t.Errorf("got %q in the trailer, want %q", got, trailingValue)
		}
		header, trailer = nil, nil
	}
	reply := &testpb.SimpleResponse{}
	must(t, c.Call(ctx, to(c, "UnaryCall", &testpb.SimpleRequest{ResponseSize: largeReply, Payload: payload(largeRequest)}), reply, opts...))
	wantSize(t, reply, largeReply)
	echoed()

	s := open(t, ctx, c, "FullDuplexCall", opts...)
	round(t, s, largeRequest, largeReply)
	must(t, s.CloseSend())
	wantEnd(t, s)
	echoed()
}

func unimplementedMethod(t *testing.T, ctx context.Context, c api.Client) {
	wantStatus(t, c.Call(ctx, to(c, "UnimplementedCall", &testpb.Empty{}), &testpb.Empty{}), codes.Unimplemented, "")
}

func unimplementedService(t *testing.T, ctx context.Context, c api.Client) {
	request := c.NewRequest("grpc.testing", "UnimplementedService.UnimplementedCall", &testpb.Empty{})
	wantStatus(t, c.Call(ctx, request, &testpb.Empty{}), codes.Unimplemented, "")
}

// The server never answers, so the deadline passes in any case: while the stream is
// opened, while the message is sent, or while the reply is awaited.
func timeoutOnSleepingServer(t *testing.T, ctx context.Context, c api.Client) {
	ctx, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	s, err := c.Stream(ctx, to(c, "FullDuplexCall", nil))
	if err != nil {
		wantStatus(t, err, codes.DeadlineExceeded, "")
		return
	}
	defer func() { _ = s.Close() }()
	err = s.Send(&testpb.StreamingOutputCallRequest{Payload: payload(requestSizes[0])})
	if err != nil && !errors.Is(err, io.EOF) {
		wantStatus(t, err, codes.DeadlineExceeded, "")
	}
	wantStatus(t, s.Recv(&testpb.StreamingOutputCallResponse{}), codes.DeadlineExceeded, "")
}
