// SPDX-License-Identifier: Apache-2.0

package messages

import "example.com/mailcall/transport"

// StreamMessage is everything a stream actor understands.
//
//sumtype:decl
type StreamMessage interface{ streamMessage() }

type (
	// StreamEnded reports that the stream has ended on the wire. Err is io.EOF
	// for a normal end, else the service's error or what failed. Fault says
	// that the node or the connection is to blame. Only the first StreamEnded
	// has an effect.
	StreamEnded struct {
		Err   error
		Fault bool
	}
	// CancelStream ends the stream with Err: the user closed it, its context is
	// done, or the client is closing.
	CancelStream struct{ Err error }
	// StreamTick tells the stream that its timer has fired.
	StreamTick struct{}
)

func (StreamEnded) streamMessage()  {}
func (CancelStream) streamMessage() {}
func (StreamTick) streamMessage()   {}

// Opened is the result of opening a stream. Whoever receives it owns all of it:
// the stream, the connection, and one count in the node's InFlight.
type Opened struct {
	Service *Service
	Node    *Node
	Conn    *Conn
	// Stream is the transport's stream; nil where the transport has none and
	// the stream is a sequence of messages on a connection of its own.
	Stream transport.Stream
	// Header is the header of the request that opened the stream.
	Header transport.Header
}
