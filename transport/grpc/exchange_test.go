// SPDX-License-Identifier: Apache-2.0

package grpc_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
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

func TestDeadlineAndCancel(t *testing.T) {
	s := &service{entered: make(chan struct{}, 16), release: make(chan struct{})}
	address, _ := startStock(t, s)
	c := dial(t, address)
	m := request(t, "EmptyCall", nil)

	err := c.Exchange(bound(t), time.Now().Add(30*time.Millisecond), m, &transport.Message{})
	wantIs(t, err, os.ErrDeadlineExceeded)
	wantNot(t, err, transport.ErrNotSent, transport.ErrAnswered)

	err = c.Exchange(bound(t), time.Now().Add(-time.Second), m, &transport.Message{})
	wantIs(t, err, os.ErrDeadlineExceeded, transport.ErrNotSent)

	ctx, cancel := context.WithTimeout(bound(t), 30*time.Millisecond)
	defer cancel()
	wantIs(t, c.Exchange(ctx, time.Time{}, m, &transport.Message{}), context.DeadlineExceeded)

	<-s.entered
	<-s.entered
	ctx, cancel = context.WithCancel(bound(t))
	go func() {
		<-s.entered
		cancel()
	}()
	err = c.Exchange(ctx, time.Time{}, m, &transport.Message{})
	wantIs(t, err, context.Canceled)
	wantNot(t, err, transport.ErrNotSent, transport.ErrAnswered)
	if running, _ := c.Load(); running != 0 {
		t.Errorf("got %d running, want none", running)
	}
	err = c.Exchange(ctx, time.Time{}, m, &transport.Message{})
	wantIs(t, err, context.Canceled, transport.ErrNotSent)
}

func TestServerDies(t *testing.T) {
	s := &service{entered: make(chan struct{}, 1), release: make(chan struct{})}
	address, server := startStock(t, s)
	c := dial(t, address)
	go func() {
		<-s.entered
		server.Stop()
	}()
	err := c.Exchange(bound(t), time.Time{}, request(t, "EmptyCall", nil), &transport.Message{})
	if err == nil {
		t.Fatal("got no error, want one")
	}
	wantNot(t, err, transport.ErrNotSent, transport.ErrAnswered)
	err = c.Exchange(bound(t), time.Time{}, request(t, "EmptyCall", nil), &transport.Message{})
	wantIs(t, err, transport.ErrNotSent)
	await(t, "a connection that is not ready", func() bool { return !c.Ready(0) })
}

func TestServerLeaves(t *testing.T) {
	s := &service{entered: make(chan struct{}, 1), release: make(chan struct{})}
	address, server := startStock(t, s)
	c := dial(t, address)
	if !c.Ready(0) {
		t.Error("got a fresh connection that is not ready")
	}
	done := make(chan error, 1)
	go func() {
		done <- c.Exchange(bound(t), time.Time{}, request(t, "EmptyCall", nil), &transport.Message{})
	}()
	<-s.entered
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		server.GracefulStop()
	}()
	await(t, "a connection that is not ready", func() bool { return !c.Ready(0) })
	err := c.Exchange(bound(t), time.Time{}, request(t, "EmptyCall", nil), &transport.Message{})
	wantIs(t, err, transport.ErrNotSent)
	close(s.release)
	if err := <-done; err != nil {
		t.Errorf("got %v from the call that ran when the server began to leave, want none", err)
	}
	<-stopped
}

func TestCloseEndsExchanges(t *testing.T) {
	s := &service{entered: make(chan struct{}, 1), release: make(chan struct{})}
	address, _ := startStock(t, s)
	c := dial(t, address)
	go func() {
		<-s.entered
		_ = c.Close()
	}()
	err := c.Exchange(bound(t), time.Time{}, request(t, "EmptyCall", nil), &transport.Message{})
	wantIs(t, err, net.ErrClosed)
	err = c.Exchange(bound(t), time.Time{}, request(t, "EmptyCall", nil), &transport.Message{})
	wantIs(t, err, net.ErrClosed, transport.ErrNotSent)
	if err := c.Close(); err != nil {
		t.Errorf("got %v from the second Close, want none", err)
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

func TestDialErrors(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = free.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	garbled := scripted(t, func(raw net.Conn) {
		_, _ = raw.Write([]byte("SSH-2.0-OpenSSH_9.9\r\n"))
		_, _ = io.Copy(io.Discard, raw)
	})
	tr := newTransport(t)

	_, err = tr.Dial(bound(t), free.Addr().String())
	wantIs(t, err, transport.ErrNotSent, syscall.ECONNREFUSED)

	ctx, cancel := context.WithTimeout(bound(t), 50*time.Millisecond)
	defer cancel()
	_, err = tr.Dial(ctx, silent.Addr().String())
	wantIs(t, err, transport.ErrNotSent, context.DeadlineExceeded)

	_, err = tr.Dial(bound(t), garbled)
	wantIs(t, err, transport.ErrNotSent)
	if err == nil || !strings.Contains(err.Error(), "preface") {
		t.Errorf("got %v from a server that does not speak HTTP/2, want one that says so", err)
	}
	brief := handmade(t, func(*peer) {})
	for err = nil; err == nil; { // the dial may return before the connection has ended
		var c transport.Conn
		if c, err = tr.Dial(bound(t), brief); err == nil {
			_ = c.Close()
		}
	}
	wantIs(t, err, transport.ErrNotSent)
	if !strings.Contains(err.Error(), "ended the connection at once") {
		t.Errorf("got %v from a server that says hello and goes, want one that says so", err)
	}
	for _, address := range []string{"", ":80", "host:", "unix:", "a b:1", "http://host"} {
		_, err = tr.Dial(bound(t), address)
		wantIs(t, err, transport.ErrNotSent)
	}
}

func TestDialerThatIsNone(t *testing.T) {
	for name, tc := range map[string]struct {
		dial func() (net.Conn, error)
		text string
	}{
		"panic":   {func() (net.Conn, error) { panic("on purpose") }, rpcerr.ErrPanic.Error()},
		"nothing": {func() (net.Conn, error) { return nil, nil }, "WithDialer"}, //nolint:nilnil // on purpose
	} {
		tr := newTransport(t, mailgrpc.WithDialer(func(context.Context, string, string) (net.Conn, error) { return tc.dial() }))
		_, err := tr.Dial(bound(t), "127.0.0.1:1")
		wantIs(t, err, transport.ErrNotSent)
		if err == nil || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: got %v, want one with %q", name, err, tc.text)
		}
	}
}

// await polls for a condition that cannot be waited for otherwise.
func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for ctx := bound(t); !is(); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited %s for %s", patience, what)
		}
	}
}
