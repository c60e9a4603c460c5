// SPDX-License-Identifier: Apache-2.0

package mailcalltest

import (
	"context"
	"errors"
	"fmt"
	"io"

	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/rpcerr"
)

// endCount in a request ends a stream: a go-micro client cannot end its direction,
// so client streams need a mark in the messages.
const endCount = -1

func (g *greeter) serverStream(ctx context.Context, s *Stream) error {
	req := &greet.HelloRequest{}
	if err := s.Recv(req); err != nil {
		return err
	}
	for i := range req.GetCount() {
		if i > 0 && !wait(g.r.clock, milliseconds(req.GetSleepMs()), ctx.Done()) {
			return ctx.Err()
		}
		if err := s.Send(&greet.HelloReply{Greeting: "Hello " + req.GetName(), Seq: i}); err != nil {
			return err
		}
	}
	return nil
}

func (g *greeter) clientStream(_ context.Context, s *Stream) error {
	count, sum := 0, int64(0)
	for {
		req := &greet.HelloRequest{}
		err := s.Recv(req)
		if errors.Is(err, io.EOF) || err == nil && req.GetCount() == endCount {
			return s.Send(&greet.HelloReply{Greeting: fmt.Sprintf("got %d", count), Seq: sum})
		}
		if err != nil {
			return err
		}
		count++
		sum += req.GetCount()
	}
}

func (g *greeter) bidi(_ context.Context, s *Stream) error {
	for {
		req := &greet.HelloRequest{}
		err := s.Recv(req)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case req.GetCode() != 0:
			return rpcerr.New(g.name+".fail", req.GetCode(), req.GetDetail())
		case req.GetCount() == endCount:
			return nil
		}
		if err := s.Send(&greet.HelloReply{Greeting: "Hello " + req.GetName(), Seq: req.GetCount()}); err != nil {
			return err
		}
	}
}
