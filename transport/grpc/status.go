// SPDX-License-Identifier: Apache-2.0

package grpc

import (
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"example.com/mailcall/rpcerr"
)

// StatusError is a status other than OK that a server sent. It is both gRPC's and
// go-micro's error: status.FromError finds the status with its details, and errors.As
// finds the *rpcerr.Error.
//
// A status that gRPC's library reports is the server's answer, and becomes a
// StatusError, if the end of the stream was received: there was a trailer, or there was
// a header and neither the code Unavailable nor a text that the library uses for a
// broken stream. Any other status is a fault of the connection; status.FromError finds
// the library's status in its error. A server that answers Unavailable with a header
// and without a trailer is therefore taken for such a fault. A fault provably sent
// nothing if the request had no stream on the connection, or if the server refused the
// stream or sent GOAWAY before it processed it. DeadlineExceeded counts as the caller's
// own deadline once that has passed.
type StatusError struct {
	status   *status.Status
	wire     *rpcerr.Error
	pushback time.Duration
}

func newStatusError(st *status.Status, trailer metadata.MD) *StatusError {
	return &StatusError{status: st, wire: decodeStatus(st), pushback: pushback(trailer[metaPushback])}
}

// maxPushback caps the delay that a server may ask for.
const maxPushback = time.Hour

// pushback parses the milliseconds after which a call may be retried. An invalid value
// means never (gRPC A6).
func pushback(values []string) time.Duration {
	if len(values) == 0 {
		return 0
	}
	ms, err := strconv.ParseInt(values[0], 10, 64)
	if err != nil || ms < 0 || len(values) > 1 {
		return -1
	}
	return max(time.Duration(min(ms, maxPushback.Milliseconds()))*time.Millisecond, 1)
}

// Pushback implements [transport.Pushback]: the delay of grpc-retry-pushback-ms, capped
// at one hour.
func (e *StatusError) Pushback() time.Duration { return e.pushback }

// Error returns the text of go-micro's error object.
func (e *StatusError) Error() string { return e.wire.Error() }

// Unwrap returns go-micro's error, an *rpcerr.Error.
func (e *StatusError) Unwrap() error { return e.wire }

// GRPCStatus returns the status as it was received, for status.FromError.
func (e *StatusError) GRPCStatus() *status.Status { return e.status }

// decodeStatus converts a status to go-micro's error, as go-micro's grpc client does:
// the first detail if it is such an error, else the object in the message if it has a
// code, else the message and the code.
func decodeStatus(st *status.Status) *rpcerr.Error {
	if details := st.Proto().GetDetails(); len(details) > 0 && isErrorType(details[0].GetTypeUrl()) {
		if e, ok := decodeError(details[0].GetValue()); ok && *e != (rpcerr.Error{}) {
			return rpcerr.Parse(e.Error())
		}
	}
	if e := rpcerr.Parse(st.Message()); e.Code > 0 {
		return e
	}
	// Parsed from its own text, so that FromServer is set.
	return rpcerr.Parse(rpcerr.New(rpcerr.IDClient, microCode(st.Code()), st.Message()).Error())
}

const errorType = "type.googleapis.com/errors.Error"

func isErrorType(url string) bool {
	return url[strings.LastIndexByte(url, '/')+1:] == "errors.Error"
}

// decodeError parses go-micro's errors.Error message:
// 1 id, 2 code, 3 detail, 4 status.
func decodeError(b []byte) (*rpcerr.Error, bool) {
	e := &rpcerr.Error{}
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil, false
		}
		b = b[n:]
		switch {
		case number == 2 && kind == protowire.VarintType:
			var code uint64
			if code, n = protowire.ConsumeVarint(b); n >= 0 {
				e.Code = int32(code)
			}
		case kind == protowire.BytesType && (number == 1 || number == 3 || number == 4):
			var v []byte
			v, n = protowire.ConsumeBytes(b)
			*map[protowire.Number]*string{1: &e.ID, 3: &e.Detail, 4: &e.Status}[number] = string(v)
		default:
			n = protowire.ConsumeFieldValue(number, kind, b)
		}
		if n < 0 {
			return nil, false
		}
		b = b[n:]
	}
	return e, true
}

// appendError encodes go-micro's errors.Error message.
func appendError(e *rpcerr.Error) (b []byte) {
	put := func(number protowire.Number, v string) {
		if v != "" {
			b = protowire.AppendTag(b, number, protowire.BytesType)
			b = protowire.AppendString(b, strings.ToValidUTF8(v, "\uFFFD"))
		}
	}
	put(1, e.ID)
	if e.Code != 0 {
		b = protowire.AppendTag(b, 2, protowire.VarintType)
		b = protowire.AppendVarint(b, uint64(e.Code))
	}
	put(3, e.Detail)
	put(4, e.Status)
	return b
}

// microCode returns go-micro's code for a status code.
func microCode(c codes.Code) int32 {
	switch c {
	case codes.OK:
		return 200
	case codes.InvalidArgument:
		return 400
	case codes.Unauthenticated:
		return 401
	case codes.PermissionDenied:
		return 403
	case codes.NotFound:
		return 404
	case codes.DeadlineExceeded:
		return 408
	case codes.AlreadyExists:
		return 409
	case codes.FailedPrecondition:
		return 412
	case codes.Unimplemented:
		return 501
	case codes.Unavailable:
		return 503
	default:
		return 500
	}
}

// statusCode returns the status code for go-micro's code.
func statusCode(code int32) codes.Code {
	switch code {
	case 200:
		return codes.OK
	case 400:
		return codes.InvalidArgument
	case 401:
		return codes.Unauthenticated
	case 403:
		return codes.PermissionDenied
	case 404:
		return codes.NotFound
	case 408:
		return codes.DeadlineExceeded
	case 409:
		return codes.AlreadyExists
	case 412:
		return codes.FailedPrecondition
	case 500:
		return codes.Internal
	case 501:
		return codes.Unimplemented
	case 503:
		return codes.Unavailable
	default:
		return codes.Unknown
	}
}
