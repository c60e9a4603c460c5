// SPDX-License-Identifier: Apache-2.0

package messages

import (
	"time"

	"example.com/mailcall/transport"
)

// StreamMessage is everything a stream actor understands.
//
//sumtype:decl
type StreamMessage interface{ streamMessage() }

type (
	// StreamEnded reports that the wire ended the stream: Err is io.EOF for the
	// good end, what the service said, or what broke. Fault says that the node
	// or the way to it is to blame. Of several the first one counts.
	StreamEnded struct {
		Err   error
		Fault bool
	}
	// CancelStream ends the stream with Err: its user closed it, its context is
	// over, or the client is closing.
	CancelStream struct{ Err error }
	// StreamTick reminds the stream of its deadline.
	StreamTick struct{}
)

func (StreamEnded) streamMessage()  {}
func (CancelStream) streamMessage() {}
func (StreamTick) streamMessage()   {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (StreamEnded) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (CancelStream) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (StreamTick) IgnoreDeadLetterLogging() {}

// Opened is what the opening of a stream leaves behind. Whoever gets it owns all
// of it: the stream, the connection, and a place in the node's InFlight.
type Opened struct {
	Service *Service
	Node    *Node
	Conn    *Conn
	// Stream is the wire's own; nil where the stream is a run of messages on a
	// connection that is lent to it.
	Stream transport.Stream
	// Header is what the opening was sent with.
	Header transport.Header
}

// StreamInfo is one live stream.
type StreamInfo struct {
	// ID is the address of its actor.
	ID string `json:"id"`
	// Service and Endpoint name what was opened, Node is the address where.
	Service  string `json:"service"`
	Endpoint string `json:"endpoint"`
	Node     string `json:"node"`
	// Age is the time since it was opened.
	Age time.Duration `json:"age_ns"`
	// HalfClosed says that this side has ended its half.
	HalfClosed bool `json:"half_closed,omitempty"`
	// Messages and bytes of their bodies, both ways.
	Sent          int64 `json:"sent"`
	SentBytes     int64 `json:"sent_bytes"`
	Received      int64 `json:"received"`
	ReceivedBytes int64 `json:"received_bytes"`
	// Sending and Receiving are how long a Send or Recv has been waiting, 0 if
	// none is.
	Sending   time.Duration `json:"sending_ns"`
	Receiving time.Duration `json:"receiving_ns"`
}
