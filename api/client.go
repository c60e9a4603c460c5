// SPDX-License-Identifier: Apache-2.0

// Package api is the client that users import: a synchronous interface in the
// shape of go-micro's client, in front of the actors.
//
//	c, err := api.New(api.WithRegistry(static.New("greeter", "127.0.0.1:9001")))
//	if err != nil { ... }
//	defer c.Close(context.Background())
//	err = c.Call(ctx, c.NewRequest("greeter", "Greeter.Hello", req), rsp)
//
// Intended differences from go-micro are listed in
// docs/migrating-from-go-micro.md.
package api

import "context"

// Client calls services. All methods are safe for concurrent use. [New] returns
// the implementation; the interface exists for wrappers, generated code and fakes
// in tests.
type Client interface {
	// Init changes options while the client is in use. Calls in flight keep the
	// options that they began with, later calls use the new ones; Init waits for
	// neither. All invalid options are reported in one error, and then nothing
	// has changed. Name, Registry, Broker, Transports, MaxCalls, MaxStreams,
	// MaxServices, Logger, ActorSystem and Seed cannot be changed.
	Init(opts ...Option) error
	// Options returns a copy of the options in force.
	Options() Options
	// NewMessage makes a message to publish.
	NewMessage(topic string, msg any, opts ...MessageOption) Message
	// NewRequest makes a request. It may be called any number of times.
	NewRequest(service, endpoint string, req any, opts ...RequestOption) Request
	// Call sends the request and decodes the reply into rsp, a pointer or a
	// protobuf message. It returns nil or a *rpcerr.CallError, at the latest when
	// ctx is done or, if ctx has no deadline, after RequestTimeout. On an error
	// rsp is unchanged, except that a reply which cannot be decoded may leave it
	// partly filled. User code that runs within the call, such as a codec, a
	// wrapper or a retry function, runs on this goroutine, and Call waits for it
	// even beyond the deadline: a codec may be writing to rsp.
	Call(ctx context.Context, req Request, rsp any, opts ...CallOption) error
	// Stream opens a stream, which ends when ctx is done or after StreamTimeout
	// at the latest. It returns a *rpcerr.CallError if that fails; opening is
	// retried at another node only as long as nothing was sent. On most
	// transports the first Recv tells whether the service accepts the stream.
	Stream(ctx context.Context, req Request, opts ...CallOption) (Stream, error)
	// Publish hands a message to the broker, with the deadline, the retries and
	// the retry budget of a call. It returns nil or a *rpcerr.CallError.
	Publish(ctx context.Context, msg Message, opts ...PublishOption) error
	// String returns the name of the implementation, "mailcall".
	String() string
}

// Message is a message to publish. It is immutable except for the payload that
// it points to.
type Message interface {
	// Topic is the topic to publish to.
	Topic() string
	// Payload is the value to send.
	Payload() any
	// ContentType selects the codec.
	ContentType() string
}

// Request is what to call, and the value to send. It is immutable except for that
// value, which must not change while a call is in flight.
type Request interface {
	// Service is the name that is looked up in the registry.
	Service() string
	// Method and Endpoint return the same: "Handler.Method".
	Method() string
	Endpoint() string
	// ContentType selects the codec.
	ContentType() string
	// Request and Body return the same: the value to send.
	Request() any
	Body() any
	// Stream reports whether the request was made for a stream.
	Stream() bool
}

// Stream is a stream of messages in both directions. One goroutine may call Send
// and CloseSend while another one calls Recv; the other methods are safe for
// concurrent use. A stream must be closed, or its context be cancelled. Errors
// other than io.EOF are *rpcerr.CallErrors.
type Stream interface {
	// Context is the one that the stream was opened with.
	Context() context.Context
	// Request is the one that the stream was opened with.
	Request() Request
	// Send encodes msg and writes it. While the service does not read, it blocks,
	// until the stream's deadline at the latest. If the service has ended the
	// stream, it returns io.EOF, and Recv returns the reason. A message that
	// cannot be encoded does not end the stream.
	Send(msg any) error
	// Recv waits for the next message and decodes it into msg, a pointer or a
	// protobuf message. The normal end of the stream is an error that matches
	// io.EOF: io.EOF itself if the service says that it is done, else one that
	// says for how long it sent nothing, see [CallOptions.HalfCloseWait]. A
	// message that cannot be decoded does not end the stream.
	Recv(msg any) error
	// CloseSend ends the sending direction only. It may be repeated.
	CloseSend() error
	// Error is why the stream ended: nil while it has not, io.EOF for the normal
	// end.
	Error() error
	// Close ends both directions. It may be called more than once.
	Close() error
}
