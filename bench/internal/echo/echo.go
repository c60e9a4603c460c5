// SPDX-License-Identifier: Apache-2.0

// Package echo has the message and the service that the peers of the rpc and streams
// scenarios use. Its types are generated from echo.proto.
package echo

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

//go:generate protoc --go_out=. --go_opt=paths=source_relative echo.proto

// The service and its methods, as named by gRPC and related protocols.
const (
	Service        = "bench.Echo"
	CallMethod     = "/bench.Echo/Call"
	PingPongMethod = "/bench.Echo/PingPong"
	CountMethod    = "/bench.Echo/Count"
)

// The same as named by mailcall and go-micro.
const (
	Package          = "bench"
	CallEndpoint     = "Echo.Call"
	PingPongEndpoint = "Echo.PingPong"
	CountEndpoint    = "Echo.Count"
)

// MaxSize bounds the encoded message, in bytes: gRPC's default limit, less a margin.
const MaxSize = 4<<20 - 1024

// numberSize is the encoded size of the number field, in bytes.
const numberSize = 9

// MinSize is the smallest size for [Value], in bytes: the number, and a data field of
// one byte with its tag and length.
const MinSize = numberSize + 3

// Value returns the data with which a message with a nonzero number is encoded in
// exactly size bytes. It returns an error for sizes out of range, and for the few that
// are impossible because of the length prefix (139, 16396).
func Value(size int) ([]byte, error) {
	if size < MinSize || size > MaxSize {
		return nil, fmt.Errorf("payload of %d bytes is out of range; use %d to %d", size, MinSize, MaxSize)
	}
	room := size - numberSize
	for n := room - 2; n > 0 && n >= room-6; n-- {
		if protowire.SizeTag(2)+protowire.SizeBytes(n) != room {
			continue
		}
		value := make([]byte, n)
		for i := range value {
			value[i] = byte('a' + i%26)
		}
		return value, nil
	}
	return nil, fmt.Errorf("no message is %d bytes long; use %d", size, size+1)
}

// Answer is the handler of every server: it returns a new message with the request's
// content.
func Answer(m *Message) *Message {
	return &Message{Number: m.GetNumber(), Data: m.GetData()}
}

// Check returns an error if reply is not the answer to request.
func Check(request, reply *Message) error {
	if reply.GetNumber() != request.GetNumber() {
		return fmt.Errorf("reply to call %d, want %d", reply.GetNumber(), request.GetNumber())
	}
	if len(reply.GetData()) != len(request.GetData()) {
		return fmt.Errorf("reply with %d bytes, want the %d sent", len(reply.GetData()), len(request.GetData()))
	}
	return nil
}
