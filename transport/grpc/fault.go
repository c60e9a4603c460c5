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

// verdict is what is known about an exchange or stream that ended badly.
type verdict struct {
	ctx      context.Context //nolint:containedctx // the caller's, for the length of a call
	deadline time.Time
	begun    bool        // it had a stream on the connection
	over     bool        // this side had given it up
	headed   bool        // a header came
	trailer  metadata.MD // what came of it, if anybody wanted it
	kv       []string    // what was to be sent
}

// judge makes mailcall's error of gRPC's. See [StatusError] for the rule.
func (c *conn) judge(err error, v *verdict) error {
	st := status.Convert(err)
	expired := v.ended()
	gaveUp := (expired != nil || v.over) && (st.Code() == codes.DeadlineExceeded || st.Code() == codes.Canceled)
	if !gaveUp && answered(st, v.headed, v.trailer) {
		c.heard()
		return transport.Answered(newStatusError(st, v.trailer))
	}
	switch {
	case v.headed:
		c.heard()
	case expired != nil:
		c.missed()
	}
	f := &fault{where: c.address, status: st}
	switch {
	case expired != nil:
		f.cause = expired
	case v.over || c.closed.Load():
		f.cause = net.ErrClosed
	case !v.begun && misfit(v.kv) != "":
		f.cause, f.status = fmt.Errorf("%w: %s", transport.ErrInvalid, misfit(v.kv)), nil
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

// unprocessed reports whether a status that was made here proves that the
// server did nothing: it refused the stream, or gRPC's library began the call
// anew, which it does after such a refusal or a GOAWAY only. After a header the
// text is the server's: it passes on what another one said.
func unprocessed(st *status.Status) bool {
	return strings.Contains(st.Message(), redialled) ||
		st.Message() == "stream terminated by RST_STREAM with error code: REFUSED_STREAM"
}

// ended is why the caller's time is over, nil if it is not.
func (v *verdict) ended() error {
	err := v.ctx.Err()
	if end, ok := v.ctx.Deadline(); err == nil && ok && !time.Now().Before(end) {
		err = context.DeadlineExceeded // the server's clock was faster to say so
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

// expiredError is the end of a deadline that was the context's as well.
type expiredError struct{}

// Error implements error.
func (expiredError) Error() string { return os.ErrDeadlineExceeded.Error() }

// Is matches both names of it.
func (expiredError) Is(target error) bool {
	return target == os.ErrDeadlineExceeded || target == context.DeadlineExceeded
}

// fault is what went wrong on the way.
type fault struct {
	where  string
	status *status.Status // what gRPC's library says, nil if it is of no help
	cause  error          // what it comes down to, nil if there is no name for it
}

// Error says where, what and why.
func (f *fault) Error() string {
	switch {
	case f.status == nil:
		return "grpc transport: " + f.where + ": " + f.cause.Error()
	case f.cause == nil:
		return "grpc transport: " + f.where + ": " + f.status.Message()
	default:
		return "grpc transport: " + f.where + ": " + f.cause.Error() + ": " + f.status.Message()
	}
}

// Unwrap returns the cause.
func (f *fault) Unwrap() error { return f.cause }

// GRPCStatus returns the status that gRPC's library made, so that
// status.FromError finds it.
func (f *fault) GRPCStatus() *status.Status {
	if f.status == nil {
		return status.New(codes.Internal, f.Error())
	}
	return f.status
}

// answered reports whether the status came from the server. With nothing but
// an end, the server's content type is in the trailer: a status without a header
// and without a trailer was made here. After a header a trailer may be empty;
// then the texts of gRPC's library decide, and a lost connection wins.
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

// nothing reports whether the server said that all is well, and sent no reply.
func nothing(st *status.Status) bool {
	return st.Code() == codes.Internal && st.Message() == "cardinality violation: received no response message from non-server-streaming RPC"
}

// madeReceiving reports whether the text is one that gRPC's library has for
// messages that it does not take. The trailer may have come all the same.
func madeReceiving(st *status.Status) bool {
	return begins(st, "grpc: received ", "grpc: failed to ", "grpc: compressed flag ", "grpc: Decompressor ",
		"grpc: peer compressed ", "grpc: no decompressor ", "cardinality violation: ") ||
		st.Code() == codes.Internal && st.Message() == "unexpected EOF"
}

// madeHere reports whether the text is one that gRPC's library has for streams
// that break.
func madeHere(st *status.Status) bool {
	return begins(st, "stream terminated by RST_STREAM ", "server closed the stream without sending trailers",
		"a HEADERS frame cannot appear in the middle of a stream", "peer header list size exceeded limit",
		"transport: ", "malformed header: ", "protocol error: ", "stream error: ", "grpc: the client connection is closing", "trying to send ") ||
		invalidFrame(st) || strings.Contains(st.Message(), " data exceeding the limit ")
}

// invalidFrame reports whether the text is one that the framer of HTTP/2 has for
// a frame that spoils its stream only.
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

// broken reports whether the peer does not keep to gRPC's rules.
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
