// SPDX-License-Identifier: Apache-2.0

// Package frame encodes and decodes the elements of mailcall's protocol: prefaces, frame
// headers and header blocks. It does no I/O, and package session implements exchanges.
// docs/protocol.md describes every byte.
package frame

import "encoding/binary"

// HeaderSize is the length of a frame's header in bytes.
const HeaderSize = 16

// Type is the type of a frame.
type Type uint8

// The types of frames.
const (
	Open     Type = 1  // begins an exchange
	Message  Type = 2  // a message of an exchange that has begun
	Data     Type = 3  // the continuation of the body of the last Open or Message
	End      Type = 4  // the end of one direction without a message
	Reset    Type = 5  // cancels or refuses the exchange
	Credit   Type = 6  // more may be sent
	Ping     Type = 7  // must be answered with Pong
	Pong     Type = 8  // answers Ping
	Goaway   Type = 9  // no more exchanges are accepted
	Settings Type = 10 // a limit has changed

	// Ignorable is the bit of types that are skipped if they are unknown.
	Ignorable Type = 0x80
)

// String returns the name of the type in docs/protocol.md, "?" if it is unknown.
func (t Type) String() string {
	names := [...]string{"?", "OPEN", "MESSAGE", "DATA", "END", "RESET", "CREDIT", "PING", "PONG", "GOAWAY", "SETTINGS"}
	if int(t) < len(names) {
		return names[t]
	}
	return names[0]
}

// Flags qualify a frame.
type Flags uint8

// The flags of frames.
const (
	// FlagEnd means that nothing follows in this direction.
	FlagEnd Flags = 1 << iota
	// FlagMore means that the body continues in a Data frame.
	FlagMore
	// FlagStream means that the exchange is a stream. Message and Data frames with this
	// flag use up credit.
	FlagStream
)

// Header is the header of a frame.
type Header struct {
	Length uint32 // of the payload
	Type   Type
	Flags  Flags
	Head   uint16 // length of the part of the payload before the body
	ID     uint64 // of the exchange, 0 for the connection itself
}

// Has reports whether all flags in f are set.
func (h Header) Has(f Flags) bool { return h.Flags&f == f }

// ParseHeader parses a header. It panics if b has less than HeaderSize bytes.
func ParseHeader(b []byte) Header {
	_ = b[HeaderSize-1]
	return Header{
		Length: binary.BigEndian.Uint32(b),
		Type:   Type(b[4]),
		Flags:  Flags(b[5]),
		Head:   binary.BigEndian.Uint16(b[6:]),
		ID:     binary.BigEndian.Uint64(b[8:]),
	}
}

// Begin appends a header whose lengths are not known yet. Finish sets them.
func Begin(b []byte, t Type, f Flags, id uint64) []byte {
	b = append(b, 0, 0, 0, 0, byte(t), byte(f), 0, 0)
	return binary.BigEndian.AppendUint64(b, id)
}

// Finish sets the lengths of the frame that begins at start. Its body, of the given
// length, is at the end of b or not in b yet.
func Finish(b []byte, start, head, body int) {
	binary.BigEndian.PutUint32(b[start:], uint32(head+body))
	binary.BigEndian.PutUint16(b[start+6:], uint16(head))
}

// Append appends a header.
func (h Header) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, h.Length)
	b = append(b, byte(h.Type), byte(h.Flags))
	b = binary.BigEndian.AppendUint16(b, h.Head)
	return binary.BigEndian.AppendUint64(b, h.ID)
}
