// SPDX-License-Identifier: Apache-2.0

package protorpc

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"example.com/mailcall/codec"
)

// ReadRequest splits the two blocks of a request. Envelope.ID is the decimal
// sequence number, "0" when the envelope has none. Unknown fields of the
// envelope are skipped.
func (Codec) ReadRequest(data []byte) (codec.Envelope, []byte, error) {
	e, message, err := read(data)
	if err != nil {
		return codec.Envelope{}, nil, fmt.Errorf("proto-rpc codec: request: %w", err)
	}
	e.Error = ""
	return e, message, nil
}

// ReadReply splits the two blocks of a reply; Envelope.ID is as in
// ReadRequest.
func (Codec) ReadReply(data []byte) (codec.Envelope, []byte, error) {
	e, message, err := read(data)
	if err != nil {
		return codec.Envelope{}, nil, fmt.Errorf("proto-rpc codec: reply: %w", err)
	}
	return e, message, nil
}

func read(data []byte) (codec.Envelope, []byte, error) {
	envelope, rest, err := block(data, "envelope")
	if err != nil {
		return codec.Envelope{}, nil, err
	}
	message, rest, err := block(rest, "message")
	if err != nil {
		return codec.Envelope{}, nil, err
	}
	if len(rest) > 0 {
		return codec.Envelope{}, nil, fmt.Errorf("%d bytes follow the message block, want none", len(rest))
	}
	e, err := parseEnvelope(envelope)
	return e, message, err
}

// block takes the first block off data. It allocates nothing, whatever length
// the block announces.
func block(data []byte, what string) (body, rest []byte, err error) {
	if len(data) < lengthBytes {
		return nil, nil, fmt.Errorf("%s block: %d bytes are left, its length alone takes %d", what, len(data), lengthBytes)
	}
	size := uint64(binary.BigEndian.Uint32(data))
	data = data[lengthBytes:]
	if size > uint64(len(data)) {
		return nil, nil, fmt.Errorf("%s block: announces %d bytes, %d are left", what, size, len(data))
	}
	return data[:size:size], data[size:], nil
}

func parseEnvelope(b []byte) (codec.Envelope, error) {
	var e codec.Envelope
	var seq uint64
	for len(b) > 0 {
		field, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return e, fmt.Errorf("envelope: %w", protowire.ParseError(n))
		}
		b = b[n:]
		switch {
		case field == fieldMethod && kind == protowire.BytesType:
			e.Method, n = protowire.ConsumeString(b)
		case field == fieldSeq && kind == protowire.Fixed64Type:
			seq, n = protowire.ConsumeFixed64(b)
		case field == fieldError && kind == protowire.BytesType:
			e.Error, n = protowire.ConsumeString(b)
		default:
			n = protowire.ConsumeFieldValue(field, kind, b)
		}
		if n < 0 {
			return e, fmt.Errorf("envelope: field %d: %w", field, protowire.ParseError(n))
		}
		b = b[n:]
	}
	e.ID = strconv.FormatUint(seq, 10)
	return e, nil
}
