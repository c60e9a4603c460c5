// SPDX-License-Identifier: Apache-2.0

package grpc

import (
	"testing"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/transport"
)

// SetClock replaces the clock of a transport.
func SetClock(t *Transport, c clock.Clock) { t.clock = c }

// DecodePackets decodes the messages of one captured direction of a connection of
// go-micro's grpc transport.
func DecodePackets(t testing.TB, data []byte) (messages []transport.Message) {
	t.Helper()
	for len(data) > 0 {
		n := 5 + int(data[1])<<24 + int(data[2])<<16 + int(data[3])<<8 + int(data[4])
		header, body, err := decodePacket(nil, data[5:n], DefaultMaxMessage)
		if err != nil {
			t.Fatal(err)
		}
		messages = append(messages, transport.Message{Header: header, Body: body})
		data = data[n:]
	}
	return messages
}
