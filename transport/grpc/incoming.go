// SPDX-License-Identifier: Apache-2.0

package grpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"

	spb "google.golang.org/genproto/googleapis/rpc/status"

	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// endOfStream is the Micro-Error that means the normal end of a stream.
const endOfStream = "EOS"

// incoming is the server's end of a call.
type incoming struct {
	conn    *acceptor
	wire    grpc.ServerStream
	opening transport.Header
	end     chan error // receives the result, once
	once    sync.Once
	opened  bool // the header of the answer is set; used by Send and End only
	out, in box
}

var _ transport.Incoming = (*incoming)(nil)

func newIncoming(a *acceptor, wire grpc.ServerStream) *incoming {
	path, _ := grpc.MethodFromServerStream(wire)
	md, _ := metadata.FromIncomingContext(wire.Context())
	return &incoming{conn: a, wire: wire, opening: openingOf(path, md), end: make(chan error, 1)}
}

// openingOf returns the header of a request, made of path and metadata.
func openingOf(path string, md metadata.MD) transport.Header {
	service, endpoint := namesOf(path)
	var subtype string
	if v := md[metaType]; len(v) > 0 {
		_, subtype, _ = strings.Cut(v[0], "+")
	}
	h := transport.Header{
		{Name: headType, Value: bodyType(subtype)},
		{Name: headService, Value: service},
		{Name: headEndpoint, Value: endpoint},
		{Name: headMethod, Value: endpoint},
	}
	if v := md[metaTimeout]; len(v) > 0 {
		h.Add(headTimeout, v[0])
	}
	return appendFields(h, md, metaType, metaXType, metaTimeout, "te", "grpc-accept-encoding")
}

// namesOf splits a path: /greeter.Greeter/Hello is endpoint Greeter.Hello of service
// greeter.
func namesOf(path string) (service, endpoint string) {
	path = strings.TrimPrefix(path, "/")
	slash := strings.LastIndexByte(path, '/')
	if slash < 0 {
		return "", path
	}
	handler, method := path[:slash], path[slash+1:]
	if dot := strings.LastIndexByte(handler, '.'); dot >= 0 {
		service, handler = handler[:dot], handler[dot+1:]
	}
	return service, handler + "." + method
}

// bodyType returns the content type of bodies encoded with a codec.
func bodyType(subtype string) string {
	switch subtype {
	case "", subtypeProto:
		return "application/protobuf"
	case subtypeBytes:
		return "application/octet-stream"
	default:
		return "application/" + subtype
	}
}

// Opening implements [transport.Incoming].
func (i *incoming) Opening() transport.Header { return i.opening }

// Unary implements [transport.Incoming]: gRPC's protocol does not tell.
func (*incoming) Unary() bool { return false }

// Metadata returns what a handler sees on go-micro's gRPC servers: gRPC's metadata
// under its own names, without the fields that are meant for the server. Its presence
// also tells the responder to apply their rule that every call is answered.
func (i *incoming) Metadata() transport.Header {
	md, _ := metadata.FromIncomingContext(i.wire.Context())
	h := appendFields(nil, md, metaType, metaXType, metaTimeout)
	if v := md[metaType]; len(v) > 0 {
		h.Add(metaType, v[0])
	}
	return h
}

// Context implements [transport.Incoming].
func (i *incoming) Context() context.Context { return i.wire.Context() }

// Recv implements [transport.Incoming].
func (i *incoming) Recv(m *transport.Message) error {
	if cap(i.in.in) > keptBuffer {
		i.in.in = nil
	}
	err := i.wire.RecvMsg(&i.in)
	switch {
	case err == nil:
		*m = transport.Message{Body: i.in.in}
		return nil
	case errors.Is(err, io.EOF):
		return io.EOF
	default:
		return i.failed(err)
	}
}

// Send implements [transport.Incoming].
func (i *incoming) Send(m *transport.Message) error {
	if len(m.Body) > i.conn.limit {
		return i.failed(fmt.Errorf("%w: message of %d bytes, the limit is %d (WithMaxMessage)", transport.ErrTooLarge, len(m.Body), i.conn.limit))
	}
	if !i.opened {
		i.opened = true
		if md := answerMetadata(m.Header); len(md) > 0 {
			if err := i.wire.SetHeader(md); err != nil {
				return i.failed(err)
			}
		}
	}
	i.out.out = m.Body
	err := i.wire.SendMsg(&i.out)
	i.out.out = nil
	if err != nil {
		return i.failed(err)
	}
	return nil
}

// End implements [transport.Incoming].
func (i *incoming) End(m *transport.Message) error {
	err := errors.New("it has already ended")
	i.once.Do(func() { err = i.finish(m) })
	if err != nil {
		return i.failed(err)
	}
	return nil
}

func (i *incoming) finish(m *transport.Message) (err error) {
	if m == nil {
		i.end <- nil
		return nil
	}
	if md := answerMetadata(m.Trailer); len(md) > 0 {
		i.wire.SetTrailer(md)
	}
	told, failed := m.Header.Lookup(headError)
	if !failed || told == "" {
		err = i.Send(m)
		i.end <- err
		return err
	}
	i.end <- statusOf(told, i.opening.Get(headEndpoint))
	return nil
}

func (i *incoming) failed(err error) error {
	if ended := i.wire.Context().Err(); ended != nil {
		err = ended
	}
	return fmt.Errorf("grpc transport: client %s: %w", i.conn.RemoteAddress(), err)
}

// The errors of go-micro's router for a name that it does not know.
const (
	noService = "rpc: can't find service "
	noMethod  = "rpc: can't find method "
)

// statusOf returns the status for the error text of an answer of endpoint. For unknown
// services and methods go-micro's gRPC servers have a code and a text of their own.
func statusOf(text, endpoint string) error {
	if text == endOfStream {
		return nil
	}
	if service, is := strings.CutPrefix(text, noService); is {
		return status.Error(codes.Unimplemented, "unknown service "+service)
	}
	if strings.HasPrefix(text, noMethod) {
		return status.Error(codes.Unimplemented, "unknown service "+endpoint)
	}
	e := rpcerr.Parse(text)
	if e.ID == "" && e.Code == 0 {
		return status.Error(plainCode(text), text)
	}
	code := statusCode(e.Code)
	if code == codes.OK {
		return nil
	}
	return status.FromProto(&spb.Status{
		Code:    int32(code),
		Message: text,
		Details: []*anypb.Any{{TypeUrl: errorType, Value: appendError(e)}},
	}).Err()
}

// plainCode returns the code of an error that is not one of go-micro's: some errors of
// Go have codes of their own.
func plainCode(text string) codes.Code {
	switch text {
	case context.DeadlineExceeded.Error():
		return codes.DeadlineExceeded
	case context.Canceled.Error():
		return codes.Canceled
	case io.EOF.Error():
		return codes.OutOfRange
	default:
		return codes.Unknown
	}
}

// answerMetadata converts the header or trailer of an answer to metadata, without
// protocol fields and what gRPC cannot carry.
func answerMetadata(h transport.Header) metadata.MD {
	var md metadata.MD
	for _, f := range h {
		name := strings.ToLower(f.Name)
		if reserved(name) || reserved(strings.TrimPrefix(name, "x-")) || invalidPair([]string{name, f.Value}) != "" {
			continue
		}
		if md == nil {
			md = metadata.MD{}
		}
		md[name] = append(md[name], f.Value)
	}
	return md
}
