// SPDX-License-Identifier: Apache-2.0

package grpc

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"

	"example.com/mailcall/transport"
)

// box passes encoded messages through gRPC's library, with a codec that leaves them as
// they are.
type box struct {
	out   []byte         // to be sent
	loan  transport.Loan // of out; nil: out must be copied
	in    []byte         // received
	begun bool           // the call has a stream on the connection
	came  bool           // a message was received

	// spare is an option of the call that is not needed once a message has been
	// received; nil: none. Dropping it saves the copy of a map that gRPC's library
	// makes at the end of the call.
	spare *option

	// The memory of in if it is returned to a pool, see call.Return.
	rooms *sync.Pool // of *[]byte; nil: in belongs to the box, as it does for streams
	room  *[]byte    // taken from rooms
	held  mem.Buffer // of gRPC's library, instead of room
}

// leastLoan is the minimum size, in bytes, of a body whose loan is taken: for shorter
// ones gRPC's library does not report when it has finished reading.
const leastLoan = 4 << 10

// loanedBody is a body whose loan has been taken. It acts as the buffer pool to which gRPC's
// library returns the body.
type loanedBody struct {
	body []byte
	loan transport.Loan
}

// Get implements mem.BufferPool. It is never called.
func (*loanedBody) Get(length int) *[]byte {
	b := make([]byte, length)
	return &b
}

// Put implements mem.BufferPool.
func (l *loanedBody) Put(*[]byte) { l.loan.Return() }

// passthrough is the codec of a box.
type passthrough struct{}

// Name implements encoding.CodecV2. The content type of a call is set by a call option.
func (passthrough) Name() string { return subtypeProto }

// Marshal implements encoding.CodecV2. gRPC's library calls it once the call has a
// stream on the connection, and may write the message after the call was cancelled,
// when the body belongs to the caller again. So the body is copied, or its loan is
// taken.
func (passthrough) Marshal(v any) (mem.BufferSlice, error) {
	b, ok := v.(*box)
	if !ok {
		return nil, fmt.Errorf("grpc transport: asked to encode a %T", v)
	}
	b.begun = true
	switch {
	case len(b.out) == 0:
		return nil, nil
	case b.loan == nil || len(b.out) < leastLoan:
		return mem.BufferSlice{mem.Copy(b.out, mem.DefaultBufferPool())}, nil
	}
	l := &loanedBody{b.out, b.loan}
	b.loan = nil
	return mem.BufferSlice{mem.NewBuffer(&l.body, l)}, nil
}

// Unmarshal implements encoding.CodecV2. Without rooms the message is copied over the
// last one. With rooms, a message that is in one piece is used in place.
func (passthrough) Unmarshal(data mem.BufferSlice, v any) error {
	b, ok := v.(*box)
	if !ok {
		return fmt.Errorf("grpc transport: asked to decode into a %T", v)
	}
	if b.came && b.rooms != nil {
		// gRPC's library reports the same error, but does not end the call then.
		return errors.New("received a second message for a unary call")
	}
	b.came = true
	if b.spare != nil {
		b.spare.CallOption = grpc.EmptyCallOption{}
	}
	n := data.Len()
	switch {
	case b.rooms == nil:
		b.in = slices.Grow(b.in[:0], n)[:n]
	case len(data) == 1:
		b.held = data[0]
		b.held.Ref()
		b.in = b.held.ReadOnlyData()
		return nil
	default:
		b.room, _ = b.rooms.Get().(*[]byte)
		*b.room = slices.Grow((*b.room)[:0], n)[:n]
		b.in = *b.room
	}
	data.CopyTo(b.in)
	return nil
}
