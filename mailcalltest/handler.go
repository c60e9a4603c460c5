// SPDX-License-Identifier: Apache-2.0

package mailcalltest

import "context"

// Handler serves one endpoint. It is made by [Handle] or [HandleStream].
type Handler struct {
	name  string
	unary func(ctx context.Context, decode func(v any) error) (any, error)
	serve func(ctx context.Context, s *Stream) error
}

// Handle returns the handler of a unary endpoint, "Greeter.Hello": one type
// and one method with one dot between them. f gets the decoded request and
// fills the reply; it runs on a goroutine of its own, many at a time. Req and
// Rsp are what the codec of the request's content type knows: a generated
// message, a plain struct, string, codec.Frame for the bytes as they are.
//
// The context carries the request's header as metadata, with Local and Remote
// added, and the deadline of the request's Timeout. Over gRPC the metadata is
// gRPC's, under its names in lower case, and Remote. It ends with the
// connection. An error answers the call with its text; an *rpcerr.Error has the
// text of go-micro's errors. A panic leaves the call without an answer, but over
// gRPC, where it is the error 500 of go.micro.server.
func Handle[Req, Rsp any](name string, f func(ctx context.Context, req *Req, rsp *Rsp) error) Handler {
	return Handler{name: name, unary: func(ctx context.Context, decode func(v any) error) (any, error) {
		req, rsp := new(Req), new(Rsp)
		if err := decode(req); err != nil {
			return nil, err
		}
		if err := f(ctx, req, rsp); err != nil {
			return nil, err
		}
		return rsp, nil
	}}
}

// HandleStream returns the handler of a streaming endpoint; name and context
// are as for [Handle]. The end of f ends the stream: nil sends the end of
// stream, unless the client's own end was the last thing received; an error
// sends its text.
func HandleStream(name string, f func(ctx context.Context, s *Stream) error) Handler {
	return Handler{name: name, serve: f}
}

// Event is a message that arrived under a topic.
type Event struct {
	// Topic is the topic of the message.
	Topic string
	// ContentType is the encoding of Body.
	ContentType string
	// Body is the payload. It belongs to the subscriber.
	Body []byte
}
