// SPDX-License-Identifier: Apache-2.0

// Package api is what users import: a thin synchronous face in front of the
// actors, in the shape of go-micro's client.
//
//	c, err := api.New(api.WithRegistry(static.New("greeter", "127.0.0.1:9001")))
//	if err != nil { ... }
//	defer c.Close(context.Background())
//	err = c.Call(ctx, c.NewRequest("greeter", "Greeter.Hello", req), rsp)
//
// What differs from go-micro by intention is listed in
// docs/migrating-from-go-micro.md.
package api

import "context"

// Client calls services. All methods are safe for concurrent use. [New]
// returns the one there is; the interface is what wrappers, generated code
// and users' fakes have in common.
type Client interface {
	// Init changes options while the client runs. Calls in flight keep what
	// they began with, new calls use the new options, nobody waits. Faults
	// are returned all at once, and then nothing has changed. Name, Registry,
	// Broker, Transports, MaxCalls, MaxStreams, MaxServices, Logger, ActorSystem
	// and Seed cannot be changed.
	Init(opts ...Option) error
	// Options returns a copy of the options in force.
	Options() Options
	// NewMessage makes a message to publish.
	NewMessage(topic string, msg any, opts ...MessageOption) Message
	// NewRequest makes a request. It may be called any number of times.
	NewRequest(service, endpoint string, req any, opts ...RequestOption) Request
	// Call sends the request and decodes the reply into rsp, a pointer or a
	// protobuf message. It returns nil or a *rpcerr.CallError, at the latest
	// when ctx ends, or RequestTimeout is over for a ctx without deadline. On
	// an error rsp is untouched, except that a reply that cannot be decoded
	// may leave it half filled. Code of yours that runs within the call, such as
	// a codec, a wrapper or a retry function, runs on this goroutine and is
	// waited for, even beyond that: what decodes may be writing to rsp.
	Call(ctx context.Context, req Request, rsp any, opts ...CallOption) error
	// Stream opens a stream, which lasts no longer than ctx and StreamTimeout.
	// It returns a *rpcerr.CallError if that fails; opening is tried again at
	// another node only while nothing was sent. Whether the service takes the
	// stream is mostly learnt from the first Recv.
	Stream(ctx context.Context, req Request, opts ...CallOption) (Stream, error)
	// Publish hands a message to the broker. It has the deadline, the retries
	// and the budget of a call, and returns nil or a *rpcerr.CallError.
	Publish(ctx context.Context, msg Message, opts ...PublishOption) error
	// String is the name of the implementation, "mailcall".
	String() string
}

// Message is something to publish. It is immutable but for the value it points
// to.
type Message interface {
	// Topic is what subscribers have asked for.
	Topic() string
	// Payload is the value to send.
	Payload() any
	// ContentType picks the codec.
	ContentType() string
}

// Request is a call that can be made. It is immutable but for the value it
// points to, which must not change while a call is in flight.
type Request interface {
	// Service is the name the registry is asked for.
	Service() string
	// Method and Endpoint are two names of the same: "Handler.Method".
	Method() string
	Endpoint() string
	// ContentType picks the codec.
	ContentType() string
	// Request and Body are two names of the same: the value to send.
	Request() any
	Body() any
	// Stream reports whether the request was made for a stream.
	Stream() bool
}

// Stream is a stream of messages in both directions. Send and CloseSend may be
// called from one goroutine, Recv from another, the rest from any. Always Close
// it, or end its context. Errors but for io.EOF are *rpcerr.CallErrors.
type Stream interface {
	// Context is the one that the stream was opened with.
	Context() context.Context
	// Request is what the stream was opened with.
	Request() Request
	// Send encodes msg and writes it. It waits while the service does not read,
	// until the stream's time is over. Once the service has ended the stream
	// it returns io.EOF, and Recv says why. A message that cannot be encoded
	// leaves the stream as it is.
	Send(msg any) error
	// Recv waits for the next message and decodes it into msg, a pointer or a
	// protobuf message. The good end of the stream is an error that matches
	// io.EOF: io.EOF itself where the service says that it is done, else one
	// that says how long it was silent, see [CallOptions.HalfCloseWait]. A
	// message that cannot be decoded leaves the stream as it is.
	Recv(msg any) error
	// CloseSend ends the sending direction only. It may be repeated.
	CloseSend() error
	// Error is why the stream ended, nil while it has not; io.EOF is the good
	// end.
	Error() error
	// Close ends both directions. It may be called more than once.
	Close() error
}
