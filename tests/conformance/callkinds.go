// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/metadata"
	"example.com/mailcall/rpcerr"
)

const (
	// soon is the bound of calls that are expected to reach it.
	soon = 50 * time.Millisecond
	// later is the bound of the second try: the machine may have been busy.
	later = 2 * time.Second
	// messages is how many a stream carries in each direction.
	messages = 3
)

// call is one cell of the table.
type call struct {
	t           *testing.T
	stage       *stage
	contentType string
	dialect     dialect
	bound       time.Duration
}

// explained reports whether err says what happened.
func explained(err error) bool {
	var e *rpcerr.CallError
	return errors.As(err, &e)
}

func (c *call) run(kind string) error {
	switch kind {
	case KindUnary:
		return c.unary("Hello", "Ann", "Hello Ann")
	case KindMetadata:
		return c.metadata()
	case KindError:
		return c.failure()
	case KindServerStream:
		return c.serverStream()
	case KindClientStream:
		return c.eventually(c.clientStream)
	case KindBidi:
		return c.bidi()
	case KindCancel:
		return c.cancel()
	case KindDeadline:
		return c.eventually(c.deadline)
	default:
		return fmt.Errorf("there is no kind %q", kind)
	}
}

// errEarly says that the bound was too short for what was to be tested.
var errEarly = errors.New("the bound was reached too early")

// eventually tries with a short bound, which is nearly always enough, and if not with
// a long one.
func (*call) eventually(try func(bound time.Duration) error) error {
	err := try(soon)
	if errors.Is(err, errEarly) {
		err = try(later)
	}
	return err
}

func (c *call) within() (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.t.Context(), c.bound)
}

func (c *call) request(method string, v any) api.Request {
	return c.stage.client.NewRequest("greeter", c.dialect.handler+"."+method, v, api.WithContentType(c.contentType))
}

// unary calls a method and expects its answer.
func (c *call) unary(method, word, want string) error {
	ctx, cancel := c.within()
	defer cancel()
	rsp := c.dialect.reply()
	if err := c.stage.client.Call(ctx, c.request(method, c.dialect.request(word, 0)), rsp); err != nil {
		return err
	}
	return expect("the answer", c.dialect.text(rsp), want)
}

func expect(what, got, want string) error {
	if got != want {
		return fmt.Errorf("%s: got %q, want %q", what, got, want)
	}
	return nil
}

// metadata expects the handler to get the metadata of the caller's context.
func (c *call) metadata() error {
	ctx, cancel := c.within()
	defer cancel()
	ctx = metadata.NewContext(ctx, metadata.Metadata{"Tenant": "blue"})
	rsp := c.dialect.reply()
	if err := c.stage.client.Call(ctx, c.request("Tenant", c.dialect.request("x", 0)), rsp); err != nil {
		return err
	}
	return expect("the handler's metadata", c.dialect.text(rsp), "blue")
}

// failure expects the error of the service, with all its members.
func (c *call) failure() error {
	ctx, cancel := c.within()
	defer cancel()
	err := c.stage.client.Call(ctx, c.request("Conflict", c.dialect.request("x", 0)), c.dialect.reply())
	var e *rpcerr.Error
	if err == nil || !errors.As(err, &e) {
		return fmt.Errorf("got %w, want the service's 409", err)
	}
	if e.ID != "greeter.fail" || e.Code != 409 || e.Detail != "taken" || e.Status != "Conflict" {
		return fmt.Errorf("got %w, want greeter.fail, 409, taken, Conflict", err)
	}
	return nil
}

// open opens a stream and sends the first message. Where a stream is a run of
// messages the opening is one of them, which go-micro's server throws away, but
// under the content types of gRPC.
func (c *call) open(ctx context.Context, method string, first any, opts ...api.CallOption) (api.Stream, error) {
	kept := !c.stage.streams && strings.HasPrefix(c.contentType, "application/grpc")
	opening := c.dialect.request("thrown away", 0)
	if kept {
		opening = first
	}
	s, err := c.stage.client.Stream(ctx, c.request(method, opening), opts...)
	if err == nil && !kept {
		err = s.Send(first)
	}
	return s, err
}

func (c *call) recv(s api.Stream, want string) error {
	rsp := c.dialect.reply()
	if err := s.Recv(rsp); err != nil {
		return fmt.Errorf("a message: %w", err)
	}
	return expect("a message", c.dialect.text(rsp), want)
}

// over expects the normal end, as the service sends it.
func (c *call) over(s api.Stream) error {
	if err := s.Recv(c.dialect.reply()); err != io.EOF { //nolint:errorlint // no other error stands for it
		return fmt.Errorf("the end: got %w, want io.EOF", err)
	}
	return nil
}

func (c *call) serverStream() error {
	ctx, cancel := c.within()
	defer cancel()
	s, err := c.open(ctx, "ServerStream", c.dialect.request("Ann", messages))
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	for range messages {
		if err := c.recv(s, "Hello Ann"); err != nil {
			return err
		}
	}
	return c.over(s)
}

// clientStream ends its half and wants what the handler says then. Where the
// wire does not tell the end of the other half, silence for as long as bound is
// the end.
func (c *call) clientStream(bound time.Duration) error {
	ctx, cancel := c.within()
	defer cancel()
	s, err := c.open(ctx, "ClientStream", c.dialect.request("Ann", 1), api.WithHalfCloseWait(bound))
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	for range messages - 1 {
		if err := s.Send(c.dialect.request("Ann", 1)); err != nil {
			return err
		}
	}
	if err := s.CloseSend(); err != nil {
		return err
	}
	err = c.recv(s, fmt.Sprintf("got %d", messages))
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: %w", errEarly, err)
	}
	if err != nil {
		return err
	}
	if err := s.Recv(c.dialect.reply()); !errors.Is(err, io.EOF) {
		return fmt.Errorf("the end: got %w, want an error that matches io.EOF", err)
	}
	if err := s.Send(c.dialect.request("Ann", 1)); err == nil {
		return errors.New("got no error from Send after CloseSend, want one")
	}
	return nil
}

func (c *call) bidi() error {
	ctx, cancel := c.within()
	defer cancel()
	s, err := c.open(ctx, "Bidi", c.dialect.request("Ann", 1))
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	want := "Hello Ann"
	for i := range messages {
		if err := c.recv(s, want); err != nil {
			return err
		}
		name := fmt.Sprint("Ann ", i)
		if err := s.Send(c.dialect.request(name, 1)); err != nil {
			return err
		}
		want = "Hello " + name
	}
	if err := c.recv(s, want); err != nil {
		return err
	}
	if err := s.Send(c.dialect.request(farewell, -1)); err != nil {
		return err
	}
	return c.over(s)
}
