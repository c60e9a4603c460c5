// SPDX-License-Identifier: Apache-2.0

package grpc

import (
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"

	"example.com/mailcall/transport"
)

// A message of go-micro's grpc transport:
//
//	message Message { map<string, string> header = 1; bytes body = 2; }
const (
	fieldHeader protowire.Number = 1
	fieldBody   protowire.Number = 2
	fieldKey    protowire.Number = 1
	fieldValue  protowire.Number = 2
)

const (
	// maxHeader bounds the encoded header of a message, in bytes: 64 KiB, as in the
	// http transport.
	maxHeader = 64 << 10
	// maxFields bounds the number of fields of a header.
	maxFields = 1024
	// frameExtra bounds by how much an encoded message may exceed its body.
	frameExtra = maxHeader + 64
)

// packet is a message with its state while it passes through gRPC's library.
type packet struct {
	message *transport.Message
	body    []byte // reused memory of received bodies
	limit   int    // of the body
	begun   bool
	bad     error // why it could not be read or written
}

// packets is the codec of a packet.
type packets struct{}

// Name implements encoding.CodecV2. The content type of this wire has no name.
func (packets) Name() string { return "" }

// Marshal implements encoding.CodecV2.
func (packets) Marshal(v any) (mem.BufferSlice, error) {
	p, ok := v.(*packet)
	if !ok {
		return nil, fmt.Errorf("grpc transport: asked to encode a %T", v)
	}
	p.begun = true
	pool := mem.DefaultBufferPool()
	buf := pool.Get(packetSize(p.message))
	*buf = appendPacket((*buf)[:0], p.message)
	return mem.BufferSlice{mem.NewBuffer(buf, pool)}, nil
}

// Unmarshal implements encoding.CodecV2. What is wrong with the message is in
// the packet: gRPC's library only quotes an error.
func (packets) Unmarshal(data mem.BufferSlice, v any) error {
	p, ok := v.(*packet)
	if !ok {
		return fmt.Errorf("grpc transport: asked to decode into a %T", v)
	}
	whole := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer whole.Free()
	header, body, err := decodePacket(p.message.Header[:0], whole.ReadOnlyData(), p.limit)
	if err != nil {
		p.bad = err
		return err
	}
	p.body = append(p.body[:0], body...)
	p.message.Header, p.message.Body, p.message.Trailer = header, p.body, nil
	return nil
}

// hidden reports whether an earlier field of the header has the same name: a
// map holds each name once, and the first one counts.
func hidden(h transport.Header, i int) bool {
	for _, f := range h[:i] {
		if strings.EqualFold(f.Name, h[i].Name) {
			return true
		}
	}
	return false
}

// checkPacket refuses what cannot be carried.
func checkPacket(m *transport.Message, limit int) error {
	if len(m.Body) > limit {
		return fmt.Errorf("%w: body of %d bytes, the limit is %d (WithMaxMessage)", transport.ErrTooLarge, len(m.Body), limit)
	}
	if len(m.Header) > maxFields {
		return fmt.Errorf("%w: header of %d fields, the limit is %d", transport.ErrTooLarge, len(m.Header), maxFields)
	}
	size := 0
	for _, f := range m.Header {
		size += protowire.SizeTag(fieldHeader) + protowire.SizeBytes(entrySize(f))
	}
	if size > maxHeader {
		return fmt.Errorf("%w: header of %d bytes, the limit is %d", transport.ErrTooLarge, size, maxHeader)
	}
	return nil
}

func entrySize(f transport.Field) int {
	return protowire.SizeTag(fieldKey) + protowire.SizeBytes(len(f.Name)) +
		protowire.SizeTag(fieldValue) + protowire.SizeBytes(len(f.Value))
}

func packetSize(m *transport.Message) int {
	n := 0
	for i, f := range m.Header {
		if !hidden(m.Header, i) {
			n += protowire.SizeTag(fieldHeader) + protowire.SizeBytes(entrySize(f))
		}
	}
	if len(m.Body) > 0 {
		n += protowire.SizeTag(fieldBody) + protowire.SizeBytes(len(m.Body))
	}
	return n
}

func appendPacket(b []byte, m *transport.Message) []byte {
	for i, f := range m.Header {
		if hidden(m.Header, i) {
			continue
		}
		b = protowire.AppendTag(b, fieldHeader, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(entrySize(f)))
		b = protowire.AppendTag(b, fieldKey, protowire.BytesType)
		b = protowire.AppendString(b, f.Name)
		b = protowire.AppendTag(b, fieldValue, protowire.BytesType)
		b = protowire.AppendString(b, f.Value)
	}
	if len(m.Body) > 0 {
		b = protowire.AppendTag(b, fieldBody, protowire.BytesType)
		b = protowire.AppendBytes(b, m.Body)
	}
	return b
}

var errPacket = errors.New("not a message of go-micro's grpc transport")

// decodePacket reads a message. The body shares memory with b. A name that
// occurs twice has its last value, as maps of protobuf have.
func decodePacket(h transport.Header, b []byte, limit int) (transport.Header, []byte, error) {
	var body []byte
	size := 0
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return h, nil, fmt.Errorf("%w: %w", transport.ErrProtocol, errPacket)
		}
		b = b[n:]
		var field []byte
		if kind == protowire.BytesType {
			field, n = protowire.ConsumeBytes(b)
		} else {
			n = protowire.ConsumeFieldValue(number, kind, b)
		}
		if n < 0 {
			return h, nil, fmt.Errorf("%w: %w", transport.ErrProtocol, errPacket)
		}
		b = b[n:]
		switch {
		case kind != protowire.BytesType:
		case number == fieldBody:
			body = field
		case number == fieldHeader:
			if size += len(field) + 2; size > maxHeader || len(h) >= maxFields {
				return h, nil, fmt.Errorf("%w: header of more than %d bytes or %d fields", transport.ErrTooLarge, maxHeader, maxFields)
			}
			name, value, ok := decodeEntry(field)
			if !ok {
				return h, nil, fmt.Errorf("%w: %w", transport.ErrProtocol, errPacket)
			}
			setExact(&h, name, value)
		}
	}
	if len(body) > limit {
		return h, nil, fmt.Errorf("%w: body of %d bytes, the limit is %d (WithMaxMessage)", transport.ErrTooLarge, len(body), limit)
	}
	return h, body, nil
}

func decodeEntry(b []byte) (name, value string, ok bool) {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return "", "", false
		}
		b = b[n:]
		if kind != protowire.BytesType || number != fieldKey && number != fieldValue {
			n = protowire.ConsumeFieldValue(number, kind, b)
		} else {
			var v []byte
			if v, n = protowire.ConsumeBytes(b); number == fieldKey {
				name = string(v)
			} else {
				value = string(v)
			}
		}
		if n < 0 {
			return "", "", false
		}
		b = b[n:]
	}
	return name, value, true
}

func setExact(h *transport.Header, name, value string) {
	for i := range *h {
		if (*h)[i].Name == name {
			(*h)[i].Value = value
			return
		}
	}
	h.Add(name, value)
}
