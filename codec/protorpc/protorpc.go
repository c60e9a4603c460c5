// SPDX-License-Identifier: Apache-2.0

// Package protorpc is the codec of application/proto-rpc: two blocks, each a
// big-endian length of four bytes and that many bytes. The first is the
// envelope, the second the protobuf message.
package protorpc

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"example.com/mailcall/codec"
	"example.com/mailcall/codec/proto"
)

// Codec encodes protobuf messages inside proto-rpc envelopes. It is stateless:
// the zero value is ready to use, and it is safe for concurrent use.
type Codec struct{}

var (
	_ codec.Appender  = Codec{}
	_ codec.Enveloper = Codec{}
)

// New returns the codec.
func New() Codec { return Codec{} }

// The fields of an envelope.
const (
	fieldMethod protowire.Number = 1 // string
	fieldSeq    protowire.Number = 2 // fixed64
	fieldError  protowire.Number = 3 // string, replies only
)

// lengthBytes is the size of a block's length.
const lengthBytes = 4

// Marshal returns the bare encoding of v, a protobuf message, without an
// envelope, as an event has it. Anything else and a nil pointer are a
// [codec.TypeError].
func (Codec) Marshal(v any) ([]byte, error) { return proto.New().Append(nil, v) }

// Append appends the bare encoding of v to dst. On an error it returns dst
// unchanged.
func (Codec) Append(dst []byte, v any) ([]byte, error) { return proto.New().Append(dst, v) }

// Unmarshal resets v, a protobuf message, and decodes data, bare or as
// ReadRequest and ReadReply return it, into it.
func (Codec) Unmarshal(data []byte, v any) error { return proto.New().Unmarshal(data, v) }

// AppendRequest appends both blocks of a request to dst. e.ID is a decimal
// number below 2^64, or "" for 0. A [codec.Frame] is both blocks: it brings its
// own envelope and e is not looked at. On an error it returns dst unchanged.
func (Codec) AppendRequest(dst []byte, e codec.Envelope, v any) ([]byte, error) {
	if data, ok := codec.FrameOf(v); ok {
		return append(dst, data...), nil
	}
	e.Error = ""
	out, err := appendEnvelope(dst, e)
	if err != nil {
		return dst, err
	}
	if out, err = appendMessage(out, v); err != nil {
		return dst, err
	}
	return out, nil
}

// AppendReply appends both blocks of a reply to dst. Replies do not name the
// method, as on go-micro's wire; the second block of an error reply is empty.
// e.ID is as in AppendRequest. A [codec.Frame] is both blocks of a success. On
// an error it returns dst unchanged.
func (Codec) AppendReply(dst []byte, e codec.Envelope, v any) ([]byte, error) {
	if data, ok := codec.FrameOf(v); ok && e.Error == "" {
		return append(dst, data...), nil
	}
	e.Method = ""
	out, err := appendEnvelope(dst, e)
	if err != nil {
		return dst, err
	}
	if e.Error != "" {
		return append(out, 0, 0, 0, 0), nil
	}
	if out, err = appendMessage(out, v); err != nil {
		return dst, err
	}
	return out, nil
}

func appendEnvelope(dst []byte, e codec.Envelope) ([]byte, error) {
	var seq uint64
	if e.ID != "" {
		var err error
		if seq, err = strconv.ParseUint(e.ID, 10, 64); err != nil {
			return dst, fmt.Errorf("proto-rpc codec: id %q is not a decimal number below 2^64", e.ID)
		}
	}
	start := len(dst)
	out := append(dst, 0, 0, 0, 0)
	if e.Method != "" {
		out = protowire.AppendTag(out, fieldMethod, protowire.BytesType)
		out = protowire.AppendString(out, e.Method)
	}
	if seq != 0 {
		out = protowire.AppendTag(out, fieldSeq, protowire.Fixed64Type)
		out = protowire.AppendFixed64(out, seq)
	}
	if e.Error != "" {
		out = protowire.AppendTag(out, fieldError, protowire.BytesType)
		out = protowire.AppendString(out, e.Error)
	}
	return patchLength(out, start)
}

func appendMessage(dst []byte, v any) ([]byte, error) {
	start := len(dst)
	out, err := proto.New().Append(append(dst, 0, 0, 0, 0), v)
	if err != nil {
		return dst, err
	}
	return patchLength(out, start)
}

// patchLength writes the length of the block that begins at start.
func patchLength(out []byte, start int) ([]byte, error) {
	size := len(out) - start - lengthBytes
	if uint64(size) > math.MaxUint32 {
		return out, fmt.Errorf("proto-rpc codec: block of %d bytes is over the limit of %d", size, uint32(math.MaxUint32))
	}
	binary.BigEndian.PutUint32(out[start:], uint32(size))
	return out, nil
}
