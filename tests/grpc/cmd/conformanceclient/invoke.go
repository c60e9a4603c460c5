// SPDX-License-Identifier: Apache-2.0

//go:build conformance

package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"example.com/mailcall/api"
	conformancev1 "example.com/mailcall/tests/grpc/internal/conformancev1"
	"example.com/mailcall/transport"
)

// task is one request of the suite while it runs.
type task struct {
	request  *conformancev1.ClientCompatRequest
	client   *api.Caller
	cancel   context.CancelFunc
	messages []proto.Message
	timing   timing
	header   transport.Header // of the reply
	trailer  transport.Header
	result   *conformancev1.ClientResponseResult
}

// timing is when to cancel. A negative number means never.
type timing struct {
	beforeCloseSend bool
	afterCloseSend  time.Duration
	afterResponses  int
}

func timingOf(c *conformancev1.ClientCompatRequest_Cancel) timing {
	t := timing{afterCloseSend: -1, afterResponses: -1}
	switch when := c.GetCancelTiming().(type) {
	case *conformancev1.ClientCompatRequest_Cancel_BeforeCloseSend:
		t.beforeCloseSend = true
	case *conformancev1.ClientCompatRequest_Cancel_AfterCloseSendMs:
		t.afterCloseSend = time.Duration(when.AfterCloseSendMs) * time.Millisecond
	case *conformancev1.ClientCompatRequest_Cancel_AfterNumResponses:
		t.afterResponses = int(when.AfterNumResponses)
	default:
		if c != nil {
			t.afterCloseSend = 0
		}
	}
	return t
}

// invoke makes a request. It returns an error if the request could not be made.
func invoke(ctx context.Context, request *conformancev1.ClientCompatRequest) (*conformancev1.ClientResponseResult, error) {
	t := &task{request: request, timing: timingOf(request.GetCancel()), result: &conformancev1.ClientResponseResult{}}
	for _, m := range request.GetRequestMessages() {
		message, err := m.UnmarshalNew()
		if err != nil {
			return nil, err
		}
		t.messages = append(t.messages, message)
	}
	if request.TimeoutMs != nil {
		bound, cancel := context.WithTimeout(ctx, time.Duration(request.GetTimeoutMs())*time.Millisecond)
		defer cancel()
		ctx = bound
	}
	ctx, t.cancel = context.WithCancel(ctx)
	defer t.cancel()
	var err error
	if t.client, err = client(request); err != nil {
		return nil, err
	}
	defer func() { _ = t.client.Close(context.WithoutCancel(ctx)) }()
	if err := t.do(ctx); err != nil {
		return nil, err
	}
	t.result.ResponseHeaders, t.result.ResponseTrailers = fields(t.header), fields(t.trailer)
	return t.result, nil
}

func (t *task) do(ctx context.Context) error {
	method := t.request.GetMethod()
	switch method {
	case "Unary", "Unimplemented", "ServerStream":
		if n := len(t.messages); n != 1 {
			return fmt.Errorf("got %d messages for %s, want 1", n, method)
		}
	}
	switch method {
	case "Unary":
		t.unary(ctx, &conformancev1.UnaryResponse{})
	case "Unimplemented":
		t.unary(ctx, &conformancev1.UnimplementedResponse{})
	case "ServerStream":
		t.stream(ctx, func() proto.Message { return &conformancev1.ServerStreamResponse{} })
	case "ClientStream":
		t.stream(ctx, func() proto.Message { return &conformancev1.ClientStreamResponse{} })
	case "BidiStream":
		t.stream(ctx, func() proto.Message { return &conformancev1.BidiStreamResponse{} })
	default:
		return fmt.Errorf("unknown method %s", method)
	}
	return nil
}

// to returns a request to the endpoint with the message, which is nil for a stream.
func (t *task) to(m any) api.Request {
	service := t.request.GetService()
	dot := strings.LastIndexByte(service, '.')
	return t.client.NewRequest(service[:max(dot, 0)], service[dot+1:]+"."+t.request.GetMethod(), m)
}

func (t *task) options() []api.CallOption {
	opts := []api.CallOption{api.WithReplyHeader(&t.header), api.WithReplyTrailer(&t.trailer)}
	for _, h := range t.request.GetRequestHeaders() {
		for _, v := range h.GetValue() {
			opts = append(opts, api.WithHeader(h.GetName(), plain(h.GetName(), v)))
		}
	}
	return opts
}

// unary makes a unary call.
func (t *task) unary(ctx context.Context, reply proto.Message) {
	if t.timing.afterCloseSend >= 0 {
		defer time.AfterFunc(t.timing.afterCloseSend, t.cancel).Stop()
	}
	if err := t.client.Call(ctx, t.to(t.messages[0]), reply, t.options()...); err != nil {
		t.result.Error = failure(err)
		return
	}
	t.take(reply)
}

// take records a reply.
func (t *task) take(reply proto.Message) {
	var payload *conformancev1.ConformancePayload
	if r, ok := reply.(interface {
		GetPayload() *conformancev1.ConformancePayload
	}); ok {
		payload = r.GetPayload()
	}
	t.result.Payloads = append(t.result.Payloads, payload)
}
