// SPDX-License-Identifier: Apache-2.0

package grpc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"example.com/mailcall/transport"
)

// verdict has what is known about an exchange or stream that has failed.
type verdict struct {
	ctx      context.Context //nolint:containedctx // the caller's, for the length of a call
	deadline time.Time
	begun    bool        // the request had a stream on the connection
	over     bool        // this side had cancelled it
	headed   bool        // a header was received
	trailer  metadata.MD // that was received, if it was asked for
	kv       []string    // the metadata of the request
}

// judge converts an error of gRPC's library to mailcall's. See [StatusError] for the
// rule.
func (c *conn) judge(err error, v *verdict) error {
	st := status.Convert(err)
	expired := v.ended()
	gaveUp := (expired != nil || v.over) && (st.Code() == codes.DeadlineExceeded || st.Code() == codes.Canceled)
	if !gaveUp && answered(st, v.headed, v.trailer) {
		c.received()
		return transport.Answered(newStatusError(st, v.trailer))
	}
	switch {
	case v.headed:
		c.received()
	case expired != nil:
		c.abandoned()
	}
	f := &fault{where: c.address, status: st, unseen: !v.headed && lost(st)}
	switch {
	case expired != nil:
		f.cause = expired
	case v.over || c.closed.Load():
		f.cause = net.ErrClosed
	case !v.begun && invalidPair(v.kv) != "":
		f.cause, f.status = fmt.Errorf("%w: %s", transport.ErrInvalid, invalidPair(v.kv)), nil
	case tooLarge(st):
		f.cause = fmt.Errorf("%w (WithMaxMessage)", transport.ErrTooLarge)
	case broken(st, v.headed):
		f.cause = transport.ErrProtocol
	}
	if !v.begun || !v.headed && unprocessed(st) {
		return transport.NotSent(f)
	}
	return f
}

// unprocessed reports whether a status that the library made proves that the server has
// not processed the request: the server refused the stream, or the library retried the
// call transparently, which it does only after such a refusal or a GOAWAY. It is not
// used after a header, because then the text may be the server's own, passed on from
// another server.
func unprocessed(st *status.Status) bool {
	return lost(st) || st.Message() == "stream terminated by RST_STREAM with error code: REFUSED_STREAM"
}

// lost reports whether the library wanted to make the connection again.
func lost(st *status.Status) bool { return strings.Contains(st.Message(), redialled) }

// ended returns the reason why the caller's time is over, nil if it is not.
func (v *verdict) ended() error {
	err := v.ctx.Err()
	if end, ok := v.ctx.Deadline(); err == nil && ok && !time.Now().Before(end) {
		err = context.DeadlineExceeded // the server noticed before the context's timer
	}
	switch expired := !v.deadline.IsZero() && !time.Now().Before(v.deadline); {
	case !expired || errors.Is(err, context.Canceled):
		return err
	case err != nil:
		return expiredError{}
	default:
		return os.ErrDeadlineExceeded
	}
}

// expiredError is the error if the deadline was that of the context as well.
type expiredError struct{}

// Error implements error.
func (expiredError) Error() string { return os.ErrDeadlineExceeded.Error() }

// Is matches both deadline errors.
func (expiredError) Is(target error) bool {
	return target == os.ErrDeadlineExceeded || target == context.DeadlineExceeded
}

// fault is a failure that is not the server's answer.
type fault struct {
	where  string
	status *status.Status // of gRPC's library, nil if it says nothing useful
	cause  error          // the error it stands for, nil if there is none
	unseen bool           // the connection was lost before the server processed anything
}

// Error returns the address, the cause and the text of the status.
func (f *fault) Error() string {
	switch {
	case f.status == nil:
		return "grpc transport: " + f.where + ": " + f.cause.Error()
	case f.cause == nil:
		return "grpc transport: " + f.where + ": " + f.text()
	default:
		return "grpc transport: " + f.where + ": " + f.cause.Error() + ": " + f.text()
	}
}

// text is that of the status, unless it is about a dial that mailcall has refused.
func (f *fault) text() string {
	if f.unseen {
		return "the server closed the connection, or announced that it will (GOAWAY), before it processed the request"
	}
	return f.status.Message()
}

// Unwrap returns the cause.
func (f *fault) Unwrap() error { return f.cause }

// GRPCStatus returns the status of gRPC's library, for status.FromError.
func (f *fault) GRPCStatus() *status.Status {
	if f.status == nil {
		return status.New(codes.Internal, f.Error())
	}
	return f.status
}

// answered reports whether the status came from the server. In an answer without a
// header the server's content type is in the trailer: without both, the library made
// the status. After a header the trailer may be empty; then the text of the status
// decides, and Unavailable counts as a lost connection.
func answered(st *status.Status, headed bool, trailer metadata.MD) bool {
	switch {
	case !headed:
		return len(trailer) > 0 && !nothing(st)
	case madeReceiving(st):
		return false
	case len(trailer) > 0:
		return true
	default:
		return st.Code() != codes.Unavailable && !madeHere(st)
	}
}

// nothing reports whether the server ended the call with OK but sent no reply.
func nothing(st *status.Status) bool {
	return st.Code() == codes.Internal && st.Message() == "cardinality violation: received no response message from non-server-streaming RPC"
}

// madeReceiving reports whether the text is one that gRPC's library uses for messages
// that it rejects. There may be a trailer as well.
func madeReceiving(st *status.Status) bool {
	return begins(st, "grpc: received ", "grpc: failed to ", "grpc: compressed flag ", "grpc: Decompressor ",
		"grpc: peer compressed ", "grpc: no decompressor ", "cardinality violation: ") ||
		st.Code() == codes.Internal && st.Message() == "unexpected EOF"
}

// madeHere reports whether the text is one that gRPC's library uses for broken streams.
func madeHere(st *status.Status) bool {
	return begins(st, "stream terminated by RST_STREAM ", "server closed the stream without sending trailers",
		"a HEADERS frame cannot appear in the middle of a stream", "peer header list size exceeded limit",
		"transport: ", "malformed header: ", "protocol error: ", "stream error: ", "grpc: the client connection is closing", "trying to send ") ||
		invalidFrame(st) || strings.Contains(st.Message(), " data exceeding the limit ")
}

// invalidFrame reports whether the text is one that the HTTP/2 framer uses for a frame
// that breaks only its own stream.
func invalidFrame(st *status.Status) bool {
	return st.Code() == codes.Internal && begins(st, "invalid header field ", "invalid pseudo-header ", "duplicate pseudo-header ",
		"mix of request and response pseudo headers", "pseudo header field after regular", "received invalid frame")
}

func begins(st *status.Status, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(st.Message(), p) {
			return true
		}
	}
	return false
}

func tooLarge(st *status.Status) bool {
	return st.Code() == codes.ResourceExhausted && begins(st, "grpc: received message ", "grpc: message after ", "trying to send message ") ||
		begins(st, "header list size to send ")
}

// broken reports whether the peer has violated gRPC's protocol.
func broken(st *status.Status, headed bool) bool {
	if strings.HasPrefix(st.Message(), "stream terminated by RST_STREAM") {
		return false
	}
	if !headed {
		return begins(st, "cardinality violation: ", "unexpected HTTP status code ", "malformed header: ", "transport: ", "protocol error: ",
			"peer header list ", "server closed the stream without ") || invalidFrame(st)
	}
	return madeReceiving(st) || madeHere(st) && st.Code() == codes.Internal
}
