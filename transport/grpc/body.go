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

// box carries encoded messages through gRPC's library, which believes that it
// encodes them.
type box struct {
	out   []byte         // what is to be sent
	loan  transport.Loan // of out; nil: it must be copied
	in    []byte         // what was received
	begun bool           // the call has a stream on the connection
	came  bool           // a message was received

	// spare is an option of the call that is not needed once the message has
	// come; nil: there is none. gRPC's library asks it at the end, and it copies
	// a map.
	spare *option

	// Where in is memory that is given back, see call.Return.
	rooms *sync.Pool // of *[]byte; nil: in is our own, and a stream's
	room  *[]byte    // from there
	held  mem.Buffer // the library's, in place of room
}

// leastLoan is how long a body is at least whose loan is taken: with shorter
// ones gRPC's library does not say when it is done.
const leastLoan = 4 << 10

// lent is a body whose loan was taken. It is the pool to which gRPC's library
// returns it.
type lent struct {
	body []byte
	loan transport.Loan
}

// Get implements mem.BufferPool. Nobody asks.
func (*lent) Get(length int) *[]byte {
	b := make([]byte, length)
	return &b
}

// Put implements mem.BufferPool.
func (l *lent) Put(*[]byte) { l.loan.Return() }

// passthrough is the codec of a box.
type passthrough struct{}

// Name implements encoding.CodecV2. The content type of a call is set beside.
func (passthrough) Name() string { return subtypeProto }

// Marshal implements encoding.CodecV2. gRPC's library asks for the message once
// the call has a stream on the connection. It may write it after the call was
// given up, when the body is no longer ours: so that is copied, or its loan is
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
	l := &lent{b.out, b.loan}
	b.loan = nil
	return mem.BufferSlice{mem.NewBuffer(&l.body, l)}, nil
}

// Unmarshal implements encoding.CodecV2. Without rooms the message is copied
// over the last one. With them, one that is in one piece is read where it lies.
func (passthrough) Unmarshal(data mem.BufferSlice, v any) error {
	b, ok := v.(*box)
	if !ok {
		return fmt.Errorf("grpc transport: asked to decode into a %T", v)
	}
	if b.came && b.rooms != nil {
		// Without this gRPC's library says the same, but forgets to end the call.
		return errors.New("a second message where one was asked for")
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
