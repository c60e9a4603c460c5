// SPDX-License-Identifier: Apache-2.0

package grpc_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	stock "google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
	mailgrpc "example.com/mailcall/transport/grpc"
)

func TestExchange(t *testing.T) {
	address, _ := startStock(t, nil)
	c := dial(t, address)
	for _, size := range []int{0, 1, 64, 1 << 10, 64 << 10, 3 << 20} {
		var reply transport.Message
		if err := c.Exchange(bound(t), time.Time{}, request(t, "UnaryCall", simple(size, size)), &reply); err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		var answer testpb.SimpleResponse
		if err := proto.Unmarshal(reply.Body, &answer); err != nil || len(answer.GetPayload().GetBody()) != size {
			t.Errorf("got %d bytes, %v, want %d", len(answer.GetPayload().GetBody()), err, size)
		}
		if got, want := reply.Header.Get("Content-Type"), "application/grpc+proto"; got != want {
			t.Errorf("got content type %q, want %q", got, want)
		}
	}
	if running, begun := c.Load(); running != 0 || begun != 6 {
		t.Errorf("got %d running, %d begun, want 0, 6", running, begun)
	}
	if c.RemoteAddress() != address || c.LocalAddress() == "" {
		t.Errorf("got addresses %q, %q, want %q for the second", c.LocalAddress(), c.RemoteAddress(), address)
	}
}

func TestMetadata(t *testing.T) {
	address, _ := startStock(t, nil)
	c := dial(t, address)
	m := request(t, "UnaryCall", simple(1, 1),
		transport.Field{Name: "X-Grpc-Test-Echo-Initial", Value: "one"},
		transport.Field{Name: "x-grpc-test-echo-trailing-bin", Value: "\x00\xff\xab"},
		transport.Field{Name: "Connection", Value: "close"},
		transport.Field{Name: "Grpc-Status", Value: "7"},
		transport.Field{Name: "Micro-Id", Value: "9"})
	var reply transport.Message
	if err := c.Exchange(bound(t), time.Time{}, m, &reply); err != nil {
		t.Fatal(err)
	}
	if got := reply.Header.Get("x-grpc-test-echo-initial"); got != "one" {
		t.Errorf("got header %v, want the initial field", reply.Header)
	}
	if got := reply.Trailer.Get("x-grpc-test-echo-trailing-bin"); got != "\x00\xff\xab" {
		t.Errorf("got trailer %q, want the bytes of the trailing field", reply.Trailer)
	}
}

func TestMetadataThatCannotBeCarried(t *testing.T) {
	address, _ := startStock(t, nil)
	c := dial(t, address)
	for _, f := range []transport.Field{{Name: "name with blank", Value: "x"}, {Name: "ok", Value: "b\xc3\xa4d"}, {Name: "", Value: "x"}} {
		err := c.Exchange(bound(t), time.Time{}, request(t, "EmptyCall", nil, f), &transport.Message{})
		wantIs(t, err, transport.ErrInvalid, transport.ErrNotSent)
	}
	for _, fields := range []transport.Header{
		{},
		{{Name: "Micro-Endpoint", Value: "A.B"}, {Name: "Content-Type", Value: "nonsense"}},
		{{Name: "Micro-Endpoint", Value: "A B"}},
	} {
		err := c.Exchange(bound(t), time.Time{}, &transport.Message{Header: fields}, &transport.Message{})
		wantIs(t, err, transport.ErrInvalid, transport.ErrNotSent)
	}
}

func TestAnswersThatAreErrors(t *testing.T) {
	address, _ := startStock(t, nil)
	c := dial(t, address)
	special := "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
	for _, tc := range []struct {
		name, method string
		body         proto.Message
		code         codes.Code
		wire         int32
		text         string
	}{
		{"status", "UnaryCall", &testpb.SimpleRequest{ResponseStatus: &testpb.EchoStatus{Code: 3, Message: "test status message"}}, codes.InvalidArgument, 400, "test status message"},
		{"special", "UnaryCall", &testpb.SimpleRequest{ResponseStatus: &testpb.EchoStatus{Code: 2, Message: special}}, codes.Unknown, 500, special},
		{"unavailable by the service", "UnaryCall", &testpb.SimpleRequest{ResponseStatus: &testpb.EchoStatus{Code: 14, Message: "later"}}, codes.Unavailable, 503, "later"},
		{"a text of the library", "UnaryCall", &testpb.SimpleRequest{ResponseStatus: &testpb.EchoStatus{Code: 8, Message: "grpc: received message larger than max"}}, codes.ResourceExhausted, 500, "grpc: received message larger than max"},
		{"unknown method", "Nope", nil, codes.Unimplemented, 501, "unknown method Nope for service grpc.testing.TestService"},
		{"after a header", "CacheableUnaryCall", nil, codes.NotFound, 404, "gone after the header"},
	} {
		var reply transport.Message
		err := c.Exchange(bound(t), time.Time{}, request(t, tc.method, tc.body), &reply)
		wantIs(t, err, transport.ErrAnswered)
		if st, ok := status.FromError(errors.Unwrap(err)); !ok || st.Code() != tc.code {
			t.Errorf("%s: got status %v, want %s", tc.name, st, tc.code)
		}
		var found *mailgrpc.StatusError
		if !errors.As(err, &found) || found.GRPCStatus().Message() != tc.text {
			t.Errorf("%s: got %v, want a StatusError with %q", tc.name, found, tc.text)
		}
		var wire *rpcerr.Error
		if !errors.As(err, &wire) || wire.Code != tc.wire || wire.Detail != tc.text || wire.ID != rpcerr.IDClient || !wire.FromServer() {
			t.Errorf("%s: got %#v, want code %d of the server", tc.name, wire, tc.wire)
		}
		if got := reply.Header.Get("Content-Type"); !strings.HasPrefix(got, "application/grpc") {
			t.Errorf("%s: got content type %q, want that of the answer", tc.name, got)
		}
	}
}

func TestLimits(t *testing.T) {
	address, _ := startStock(t, nil)
	c := dial(t, address, mailgrpc.WithMaxMessage(1000), mailgrpc.WithMaxStreams(1))
	err := c.Exchange(bound(t), time.Time{}, request(t, "UnaryCall", simple(2000, 1)), &transport.Message{})
	wantIs(t, err, transport.ErrTooLarge, transport.ErrNotSent)
	err = c.Exchange(bound(t), time.Time{}, request(t, "UnaryCall", simple(1, 2000)), &transport.Message{})
	wantIs(t, err, transport.ErrTooLarge)
	wantNot(t, err, transport.ErrNotSent, transport.ErrAnswered)
	if err := c.Exchange(bound(t), time.Time{}, request(t, "UnaryCall", simple(1, 500)), &transport.Message{}); err != nil {
		t.Errorf("got %v after messages that were too large, want none", err)
	}
	// If the message is over the server's own limit, the error is the server's answer.
	big := dial(t, address, mailgrpc.WithMaxMessage(8<<20))
	err = big.Exchange(bound(t), time.Time{}, request(t, "UnaryCall", simple(5<<20, 1)), &transport.Message{})
	wantIs(t, err, transport.ErrAnswered)

	s, err := c.Open(bound(t), time.Time{}, request(t, "FullDuplexCall", nil))
	if err != nil {
		t.Fatal(err)
	}
	err = c.Exchange(bound(t), time.Time{}, request(t, "EmptyCall", nil), &transport.Message{})
	wantIs(t, err, transport.ErrFull, transport.ErrNotSent)
	if err := s.CloseSend(); err != nil {
		t.Error(err)
	}
	wantIs(t, drain(t, s), errEOF)
	if err := c.Exchange(bound(t), time.Time{}, request(t, "EmptyCall", nil), &transport.Message{}); err != nil {
		t.Errorf("got %v once there was room, want none", err)
	}
}

func TestGzip(t *testing.T) {
	address, _ := startStock(t, nil)
	c := dial(t, address, mailgrpc.WithGzip())
	var reply transport.Message
	if err := c.Exchange(bound(t), time.Time{}, request(t, "UnaryCall", simple(10000, 20000)), &reply); err != nil {
		t.Fatal(err)
	}
	if len(reply.Body) < 20000 {
		t.Errorf("got %d bytes, want 20000 and more", len(reply.Body))
	}
}

func TestManyAtOnce(t *testing.T) {
	address, _ := startStock(t, nil, stock.MaxConcurrentStreams(7))
	c := dial(t, address)
	var group sync.WaitGroup
	for i := range 64 {
		group.Go(func() {
			var reply transport.Message
			for range 10 {
				m := request(t, "UnaryCall", simple(10, 100+i))
				m.Header.Add("x-grpc-test-echo-initial", fmt.Sprint(i))
				if err := c.Exchange(bound(t), time.Now().Add(patience), m, &reply); err != nil {
					t.Error(err)
				}
				var answer testpb.SimpleResponse
				if err := proto.Unmarshal(reply.Body, &answer); err != nil || len(answer.GetPayload().GetBody()) != 100+i {
					t.Errorf("got %d bytes, %v, want %d", len(answer.GetPayload().GetBody()), err, 100+i)
				}
				if got := reply.Header.Get("x-grpc-test-echo-initial"); got != fmt.Sprint(i) {
					t.Errorf("got the header of call %s, want %d", got, i)
				}
			}
		})
	}
	group.Wait()
}

func TestSendAndRecv(t *testing.T) {
	address, _ := startStock(t, nil)
	c := dial(t, address)
	var m transport.Message
	wantIs(t, c.Recv(&m), transport.ErrInvalid)
	for range 2 {
		if err := c.Send(request(t, "UnaryCall", simple(1, 10))); err != nil {
			t.Fatal(err)
		}
		wantIs(t, c.Send(request(t, "EmptyCall", nil)), transport.ErrInvalid, transport.ErrNotSent)
		if err := c.Recv(&m); err != nil || len(m.Body) < 10 {
			t.Errorf("got %d bytes, %v, want 10", len(m.Body), err)
		}
	}
}

// await polls for a condition that cannot be waited for otherwise.
