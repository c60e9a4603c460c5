// SPDX-License-Identifier: Apache-2.0

// Package grpcframe is the codec of application/grpc, application/grpc+proto
// and application/grpc+json on go-micro's own transports: the encoding of
// another codec behind gRPC's prefix of five bytes, a flag and a big-endian
// length.
package grpcframe

import (
	"encoding/binary"
	"errors"
	"fmt"

	"example.com/mailcall/codec"
	"example.com/mailcall/codec/internal/value"
	"example.com/mailcall/rpcerr"
)

// MaxMessage is the longest message in bytes, without the prefix: 4 MiB, the
// value of go-micro and of gRPC. It cannot be changed.
const MaxMessage = 4 << 20

const prefix = 5

// Codec frames the messages of another codec. Make it with [New]; the zero value
// refuses everything but a [codec.Frame]. It is as safe for concurrent use as the
// inner codec.
type Codec struct{ inner codec.Codec }

var _ codec.Appender = Codec{}

// New returns a codec that frames what inner encodes.
func New(inner codec.Codec) Codec { return Codec{inner} }

var errNoInner = errors.New("grpcframe codec: has no inner codec; make it with New")

// Marshal returns the framed encoding of v. A message whose encoding is empty
// has no bytes at all, not even the prefix. A [codec.Frame] is the whole body
// and so brings its own prefix. An encoding over [MaxMessage] is an error that
// matches rpcerr.ErrMessageTooLarge.
func (c Codec) Marshal(v any) ([]byte, error) { return c.Append(nil, v) }

// Append is Marshal, but appends to dst. On an error it returns dst unchanged.
func (c Codec) Append(dst []byte, v any) ([]byte, error) {
	if data, ok := codec.FrameOf(v); ok {
		return append(dst, data...), nil
	}
	start := len(dst)
	out, err := c.appendInner(append(dst, 0, 0, 0, 0, 0), v)
	if err != nil {
		return dst, err
	}
	size := len(out) - start - prefix
	if size > MaxMessage {
		return dst, tooLarge(uint64(size))
	}
	if size == 0 {
		return out[:start], nil
	}
	binary.BigEndian.PutUint32(out[start+1:], uint32(size))
	return out, nil
}

func (c Codec) appendInner(dst []byte, v any) ([]byte, error) {
	switch inner := c.inner.(type) {
	case nil:
		return dst, errNoInner
	case codec.Appender:
		return inner.Append(dst, v)
	default:
		data, err := inner.Marshal(v)
		return append(dst, data...), err
	}
}

// Unmarshal removes the prefix from data and decodes the rest into v with the inner
// codec. Empty data is an empty message and sets v to its zero value. It returns an
// error for a compressed message, for a length over [MaxMessage] (the error matches
// rpcerr.ErrMessageTooLarge), and for a length that is not that of the data.
func (c Codec) Unmarshal(data []byte, v any) error {
	if codec.SetFrame(v, data) {
		return nil
	}
	if c.inner == nil {
		return errNoInner
	}
	message, err := unframe(data)
	if err != nil {
		return err
	}
	if len(message) > 0 {
		return c.inner.Unmarshal(message, v)
	}
	// Not every inner codec decodes empty data as the zero value: JSON does not.
	if !value.Zero(v) {
		return value.Refuse("grpcframe", "a pointer that is not nil", v)
	}
	return nil
}

func unframe(data []byte) ([]byte, error) {
	if len(data) == 0 {
		return nil, nil
	}
	if len(data) < prefix {
		return nil, fmt.Errorf("grpcframe codec: body of %d bytes is shorter than the prefix of %d", len(data), prefix)
	}
	switch data[0] {
	case 0:
	case 1:
		return nil, errors.New("grpcframe codec: the message is compressed, which is not supported; have the peer send it without compression")
	default:
		return nil, fmt.Errorf("grpcframe codec: flag is %d, want 0", data[0])
	}
	size := binary.BigEndian.Uint32(data[1:prefix])
	if size > MaxMessage {
		return nil, tooLarge(uint64(size))
	}
	if got := len(data) - prefix; uint64(got) != uint64(size) {
		return nil, fmt.Errorf("grpcframe codec: prefix announces %d bytes, the body has %d", size, got)
	}
	return data[prefix:], nil
}

func tooLarge(size uint64) error {
	return fmt.Errorf("grpcframe codec: message of %d bytes is over the limit of %d: %w", size, MaxMessage, rpcerr.ErrMessageTooLarge)
}
