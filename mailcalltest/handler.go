// SPDX-License-Identifier: Apache-2.0

package mailcalltest

import "context"

// Handler serves one endpoint. Make it with [Handle] or [HandleStream].
type Handler struct {
	name  string
	unary func(ctx context.Context, decode func(v any) error) (any, error)
	serve func(ctx context.Context, s *Stream) error
}

// Handle returns the handler of a unary endpoint. The name is a type and a method
// with a dot between them: "Greeter.Hello". f gets the decoded request and fills
// the reply; it is called by many goroutines at once. Req and Rsp are types that
// the codec of the request's content type accepts: a generated message, a plain
// struct, string, or codec.Frame for undecoded bytes.
//
// The context carries the request's header as metadata, with Local and Remote
// added, and the deadline of the request's Timeout. Over gRPC the metadata is
// gRPC's, with names in lower case, and Remote. The context is cancelled when the
// connection ends. If f returns an error, the call is answered with its text; that
// of an *rpcerr.Error is go-micro's JSON. If f panics, the call gets no answer,
// except over gRPC, where it gets the error 500 of go.micro.server.
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

// HandleStream returns the handler of a streaming endpoint; name and context are as
// in [Handle]. The stream ends when f returns: for nil the end of the stream is
// sent, unless the last thing received was the client's end; for an error its text
// is sent.
func HandleStream(name string, f func(ctx context.Context, s *Stream) error) Handler {
	return Handler{name: name, serve: f}
}

// Event is a message with a topic.
type Event struct {
	// Topic is the topic of the message.
	Topic string
	// ContentType is the encoding of Body.
	ContentType string
	// Body is the payload. The subscriber owns it.
	Body []byte
}
