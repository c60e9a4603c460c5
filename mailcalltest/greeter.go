// SPDX-License-Identifier: Apache-2.0

package mailcalltest

import (
	"context"
	"errors"
	"net"
	"slices"
	"time"

	"example.com/mailcall/codec"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/metadata"
	"example.com/mailcall/rpcerr"
)

// JSONRequest is the request of the endpoint Greeter.Json.
type JSONRequest struct {
	// Name is the name to greet.
	Name string `json:"name"`
	// Nums are the numbers to add up.
	Nums []int `json:"nums"`
}

// JSONReply is the reply of the endpoint Greeter.Json.
type JSONReply struct {
	// Msg is the greeting.
	Msg string `json:"msg"`
	// Sum is the sum of the numbers.
	Sum int `json:"sum"`
}

// NewGreeter returns a responder with the endpoints of the greeter, for which
// package greet has the messages:
//
//	Greeter.Hello         greeting "Hello " + name
//	Greeter.Echo          headers are the metadata of the handler, sorted
//	Greeter.Fail          the error "<name>.fail" with the request's code and detail
//	Greeter.Plain         the plain error "plain failure"
//	Greeter.Panic         panics: no answer, over gRPC the error 500 of go.micro.server
//	Greeter.Sleep         sleeps sleep_ms, whatever the deadline says
//	Greeter.Deadline      seq is the time left in ms, rounded up to 100; -1 for no deadline
//	Greeter.ServerStream  one request, then count replies, sleep_ms apart
//	Greeter.ClientStream  requests up to the end or count -1, then their number and sum
//	Greeter.Bidi          a reply for each request; count -1 ends it, a code fails it
//	Greeter.Raw           bytes, repeated after "raw:"
//	Greeter.RawFail       bytes, the plain error "raw failure"
//	Greeter.Text          a string, repeated after "text:"; text/plain
//	Greeter.Json          JSONRequest and JSONReply
//
// Options are applied afterwards and may add or replace endpoints.
func NewGreeter(name string, opts ...Option) *Responder {
	g := &greeter{name: name}
	handlers := WithHandlers(
		Handle("Greeter.Hello", g.hello),
		Handle("Greeter.Echo", g.echo),
		Handle("Greeter.Fail", g.fail),
		Handle("Greeter.Plain", g.plain),
		Handle("Greeter.Panic", g.panic),
		Handle("Greeter.Sleep", g.sleep),
		Handle("Greeter.Deadline", g.deadline),
		Handle("Greeter.Raw", g.raw),
		Handle("Greeter.RawFail", g.rawFail),
		Handle("Greeter.Text", g.text),
		Handle("Greeter.Json", g.json),
		HandleStream("Greeter.ServerStream", g.serverStream),
		HandleStream("Greeter.ClientStream", g.clientStream),
		HandleStream("Greeter.Bidi", g.bidi),
	)
	g.r = New(name, append([]Option{handlers}, opts...)...)
	return g.r
}

// greeter has the handlers of a responder.
type greeter struct {
	name string
	r    *Responder // set before the first call
}

func (g *greeter) hello(_ context.Context, req *greet.HelloRequest, rsp *greet.HelloReply) error {
	rsp.Greeting = "Hello " + req.GetName()
	return nil
}

func (g *greeter) echo(ctx context.Context, _ *greet.HelloRequest, rsp *greet.HelloReply) error {
	md, _ := metadata.FromContext(ctx)
	rsp.Greeting = "echo"
	for name, value := range md {
		if name == "Local" || name == "Remote" {
			if host, _, err := net.SplitHostPort(value); err == nil {
				value = host
			}
		}
		rsp.Headers = append(rsp.Headers, name+"="+value)
	}
	slices.Sort(rsp.Headers)
	return nil
}

func (g *greeter) fail(_ context.Context, req *greet.HelloRequest, _ *greet.HelloReply) error {
	return rpcerr.New(g.name+".fail", req.GetCode(), req.GetDetail())
}

func (g *greeter) plain(context.Context, *greet.HelloRequest, *greet.HelloReply) error {
	return errors.New("plain failure")
}

func (g *greeter) panic(context.Context, *greet.HelloRequest, *greet.HelloReply) error {
	panic("greeter: a panic, as ordered")
}

func (g *greeter) sleep(_ context.Context, req *greet.HelloRequest, rsp *greet.HelloReply) error {
	wait(g.r.clock, milliseconds(req.GetSleepMs()), g.r.done)
	rsp.Greeting = "slept " + req.GetName()
	return nil
}

func (g *greeter) deadline(ctx context.Context, _ *greet.HelloRequest, rsp *greet.HelloReply) error {
	rsp.Seq = -1
	if at, ok := ctx.Deadline(); ok {
		const step = 100 * time.Millisecond
		left := g.r.clock.Instant(at).Sub(g.r.clock.Now()) + step - 1
		rsp.Seq = int64(left.Truncate(step) / time.Millisecond)
	}
	return nil
}

func (g *greeter) raw(_ context.Context, req, rsp *codec.Frame) error {
	rsp.Data = append([]byte("raw:"), req.Data...)
	return nil
}

func (g *greeter) rawFail(context.Context, *codec.Frame, *codec.Frame) error {
	return errors.New("raw failure")
}

func (g *greeter) text(_ context.Context, req, rsp *string) error {
	*rsp = "text:" + *req
	return nil
}

func (g *greeter) json(_ context.Context, req *JSONRequest, rsp *JSONReply) error {
	rsp.Msg = "Hello " + req.Name
	for _, n := range req.Nums {
		rsp.Sum += n
	}
	return nil
}

// milliseconds returns ms as a duration, at most one hour.
func milliseconds(ms int64) time.Duration {
	return time.Duration(min(max(ms, 0), time.Hour.Milliseconds())) * time.Millisecond
}
