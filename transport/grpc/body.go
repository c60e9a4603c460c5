// SPDX-License-Identifier: Apache-2.0

package grpc

import (
	"fmt"
	"slices"

	"google.golang.org/grpc/mem"
)

// box carries encoded messages through gRPC's library, which believes that it
// encodes them.
type box struct {
	out   []byte // what is to be sent
	in    []byte // what was received
	begun bool   // the call has a stream on the connection
}

// passthrough is the codec of a box.
type passthrough struct{}

// Name implements encoding.CodecV2. The content type of a call is set beside.
func (passthrough) Name() string { return subtypeProto }

// Marshal implements encoding.CodecV2. gRPC's library asks for the message once
// the call has a stream on the connection. The body is copied: it may be
// written after the call was given up, when it is no longer ours.
func (passthrough) Marshal(v any) (mem.BufferSlice, error) {
	b, ok := v.(*box)
	if !ok {
		return nil, fmt.Errorf("grpc transport: asked to encode a %T", v)
	}
	b.begun = true
	if len(b.out) == 0 {
		return nil, nil
	}
	return mem.BufferSlice{mem.Copy(b.out, mem.DefaultBufferPool())}, nil
}

// Unmarshal implements encoding.CodecV2. The message is copied into the box,
// into the memory of the last one if that is large enough.
func (passthrough) Unmarshal(data mem.BufferSlice, v any) error {
	b, ok := v.(*box)
	if !ok {
		return fmt.Errorf("grpc transport: asked to decode into a %T", v)
	}
	n := data.Len()
	b.in = slices.Grow(b.in[:0], n)[:n]
	data.CopyTo(b.in)
	return nil
}
