// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"example.com/mailcall/bench/internal/contender"
	"example.com/mailcall/bench/internal/echo"
)

// batch is the number of messages on a one-way stream between two readings of the
// clock, each of which costs more than a message.
const batch = 32

// job is the repeated work of one goroutine.
type job struct {
	do    func() error
	calls int          // the number of calls in one do
	end   func() error // called after the last do; may be nil
}

// newJob returns the job of goroutine i.
func newJob(o Options, client contender.Contender, i int, value []byte) (job, error) {
	if o.Mode != "" {
		return newStreamJob(o, client, i, value)
	}
	caller, err := client.Caller(i)
	if err != nil {
		return job{}, err
	}
	call := rpc(caller, i, value)
	if o.Scenario == contender.Calls {
		call = http(caller, value)
	} else if bare, ok := caller.(contender.Bare); ok {
		call = echoes(bare, o.Payload)
	}
	do := func() error { return call(context.Background()) }
	if o.DeadlineContext {
		do = func() error {
			ctx, cancel := context.WithTimeout(context.Background(), CallTimeout)
			defer cancel()
			return call(ctx)
		}
	}
	return job{do: do, calls: 1}, nil
}

// call makes one call with new values, as a user's code does. It does not use the
// context of the run: a cancellable context costs only the clients that watch it, and
// most contenders do not.
type call func(ctx context.Context) error

func http(c contender.Caller, value []byte) call {
	return func(ctx context.Context) error {
		req := &wrapperspb.BytesValue{Value: value}
		rsp := new(wrapperspb.BytesValue)
		if err := c.Call(ctx, req, rsp); err != nil {
			return err
		}
		if len(rsp.GetValue()) < len(value) { // a greeter's reply is longer, because of its prefix
			return fmt.Errorf("reply of %d bytes, want the %d sent", len(rsp.GetValue()), len(value))
		}
		return nil
	}
}

func rpc(c contender.Caller, i int, value []byte) call {
	number := first(i)
	return func(ctx context.Context) error {
		number++
		req := &echo.Message{Number: number, Data: value}
		rsp := new(echo.Message)
		if err := c.Call(ctx, req, rsp); err != nil {
			return err
		}
		return echo.Check(req, rsp)
	}
}

func echoes(c contender.Bare, size int) call {
	body := make([]byte, size)
	return func(ctx context.Context) error {
		rsp, err := c.Echo(ctx, body)
		if err == nil && len(rsp) != size {
			err = fmt.Errorf("reply of %d bytes, want the %d sent", len(rsp), size)
		}
		return err
	}
}

// first returns the number before the first of goroutine i; the ranges of goroutines do
// not overlap.
func first(i int) uint64 { return uint64(i+1) << 40 }

func newStreamJob(o Options, client contender.Contender, i int, value []byte) (job, error) {
	streaming, ok := client.(contender.Streaming)
	if !ok {
		return job{}, fmt.Errorf("%s has no streams", o.Contender)
	}
	s, err := streaming.Open(context.Background(), o.Mode)
	if err != nil {
		return job{}, err
	}
	if o.Mode == contender.OneWay {
		return oneWay(s, value), nil
	}
	return pingPong(s, i, value), nil
}

func pingPong(s contender.Stream, i int, value []byte) job {
	number := first(i)
	do := func() error {
		number++
		out := &echo.Message{Number: number, Data: value}
		if err := s.Send(out); err != nil {
			return err
		}
		in := new(echo.Message)
		if err := s.Recv(in); err != nil {
			return err
		}
		return echo.Check(out, in)
	}
	end := func() error {
		if err := s.CloseSend(); err != nil {
			return err
		}
		return drained(s)
	}
	return job{do: do, calls: 1, end: end}
}

func oneWay(s contender.Stream, value []byte) job {
	var sent uint64
	do := func() error {
		for range batch {
			if err := s.Send(&echo.Message{Number: sent + 1, Data: value}); err != nil {
				return err
			}
			sent++
		}
		return nil
	}
	end := func() error {
		if err := s.CloseSend(); err != nil {
			return err
		}
		counted := new(echo.Message)
		if err := s.Recv(counted); err != nil {
			return err
		}
		if counted.GetNumber() != sent {
			return fmt.Errorf("the server counted %d messages, want the %d sent", counted.GetNumber(), sent)
		}
		return nil
	}
	return job{do: do, calls: batch, end: end}
}

// drained receives the end of a stream, at which a client releases it.
func drained(s contender.Stream) error {
	switch err := s.Recv(new(echo.Message)); {
	case err == nil:
		return errors.New("a message after the last")
	case errors.Is(err, io.EOF):
		return nil
	default:
		return err
	}
}
