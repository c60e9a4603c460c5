// SPDX-License-Identifier: Apache-2.0

package grpc_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	stock "google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"example.com/mailcall/transport"
	mailgrpc "example.com/mailcall/transport/grpc"
)

// patience bounds every wait for the network in a test.
const patience = 20 * time.Second

func bound(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// service is gRPC's own test service, with methods that block and fail.
type service struct {
	testpb.UnimplementedTestServiceServer

	entered chan struct{} // receives a value when EmptyCall begins to wait
	release chan struct{} // ends that wait
}

func (s *service) EmptyCall(ctx context.Context, _ *testpb.Empty) (*testpb.Empty, error) {
	if s.entered == nil {
		return &testpb.Empty{}, nil
	}
	s.entered <- struct{}{}
	select {
	case <-s.release:
		return &testpb.Empty{}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// CacheableUnaryCall sends a header before it fails without a trailer.
func (*service) CacheableUnaryCall(ctx context.Context, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
	if err := stock.SendHeader(ctx, metadata.Pairs("early", "yes")); err != nil {
		return nil, err
	}
	return nil, status.Error(codes.NotFound, "gone after the header")
}

const (
	echoInitial  = "x-grpc-test-echo-initial"
	echoTrailing = "x-grpc-test-echo-trailing-bin"
)

// echo returns the metadata that gRPC's tests expect back.
func echo(ctx context.Context) (header, trailer metadata.MD) {
	md, _ := metadata.FromIncomingContext(ctx)
	header, trailer = metadata.MD{}, metadata.MD{}
	if v := md[echoInitial]; v != nil {
		header[echoInitial] = v
	}
	if v := md[echoTrailing]; v != nil {
		trailer[echoTrailing] = v
	}
	return header, trailer
}

func payload(size int32) *testpb.Payload { return &testpb.Payload{Body: make([]byte, size)} }

func failure(s *testpb.EchoStatus) error {
	return status.Error(codes.Code(s.GetCode()), s.GetMessage())
}

func (*service) UnaryCall(ctx context.Context, r *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
	if header, trailer := echo(ctx); len(header)+len(trailer) > 0 {
		_ = stock.SetHeader(ctx, header)
		_ = stock.SetTrailer(ctx, trailer)
	}
	if s := r.GetResponseStatus(); s.GetCode() != 0 {
		return nil, failure(s)
	}
	return &testpb.SimpleResponse{Payload: payload(r.GetResponseSize())}, nil
}

func (*service) StreamingOutputCall(r *testpb.StreamingOutputCallRequest, s testpb.TestService_StreamingOutputCallServer) error {
	for _, p := range r.GetResponseParameters() {
		if err := s.Send(&testpb.StreamingOutputCallResponse{Payload: payload(p.GetSize())}); err != nil {
			return err
		}
	}
	return nil
}

func (*service) StreamingInputCall(s testpb.TestService_StreamingInputCallServer) error {
	for sum := 0; ; {
		m, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return s.SendAndClose(&testpb.StreamingInputCallResponse{AggregatedPayloadSize: int32(sum)})
		}
		if err != nil {
			return err
		}
		sum += len(m.GetPayload().GetBody())
	}
}

func (s *service) FullDuplexCall(stream testpb.TestService_FullDuplexCallServer) error {
	header, trailer := echo(stream.Context())
	_ = stream.SetHeader(header)
	stream.SetTrailer(trailer)
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if st := m.GetResponseStatus(); st.GetCode() != 0 {
			return failure(st)
		}
		for _, p := range m.GetResponseParameters() {
			if err := stream.Send(&testpb.StreamingOutputCallResponse{Payload: payload(p.GetSize())}); err != nil {
				return err
			}
		}
	}
}

func startStock(t testing.TB, s *service, opts ...stock.ServerOption) (address string, server *stock.Server) {
	t.Helper()
	if s == nil {
		s = &service{}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server = stock.NewServer(opts...)
	testpb.RegisterTestServiceServer(server, s)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l)
	}()
	t.Cleanup(func() {
		server.Stop()
		<-done
	})
	return l.Addr().String(), server
}

func newTransport(t testing.TB, opts ...mailgrpc.Option) *mailgrpc.Transport {
	t.Helper()
	tr, err := mailgrpc.New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// both has the methods of every connection of native gRPC.
type both interface {
	transport.Parallel
	transport.Streamer
	transport.Peer
}

func dial(t testing.TB, address string, opts ...mailgrpc.Option) both {
	t.Helper()
	c, err := newTransport(t, opts...).Dial(bound(t), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c.(both)
}

const testService = "/grpc.testing.TestService/"

// request returns a request for a method of the test service.
func request(t testing.TB, method string, v proto.Message, fields ...transport.Field) *transport.Message {
	t.Helper()
	m := &transport.Message{Header: append(transport.Header{
		{Name: "Content-Type", Value: "application/grpc+proto"},
		{Name: "Micro-Service", Value: "test"},
		{Name: "Micro-Endpoint", Value: testService + method},
	}, fields...)}
	if v != nil {
		body, err := proto.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		m.Body = body
	}
	return m
}

func simple(size, answer int) *testpb.SimpleRequest {
	return &testpb.SimpleRequest{ResponseSize: int32(answer), Payload: &testpb.Payload{Body: make([]byte, size)}}
}

// wantIs fails the test unless err matches all targets.
func wantIs(t *testing.T, err error, targets ...error) {
	t.Helper()
	for _, target := range targets {
		if !errors.Is(err, target) {
			t.Errorf("got error %v, want one that matches %v", err, target)
		}
	}
}

func wantNot(t *testing.T, err error, targets ...error) {
	t.Helper()
	for _, target := range targets {
		if errors.Is(err, target) {
			t.Errorf("got error %v that matches %v, want one that does not", err, target)
		}
	}
}

func drain(t *testing.T, s transport.Stream) error {
	t.Helper()
	for range 1000 {
		if err := s.Recv(&transport.Message{}); err != nil {
			return err
		}
	}
	t.Fatal("got 1000 messages, want an end")
	return io.EOF
}
