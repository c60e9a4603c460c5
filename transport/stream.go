// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"time"
)

// Streamer is a [Conn] on which streams are something of their own. On any
// other connection a stream is a run of messages, and the connection is lent
// to it until it ends.
type Streamer interface {
	Conn
	// Open begins a stream. m has the header, its body is not sent. Open
	// returns once the opening is on its way; whether the service takes it is
	// learnt from the stream. ctx and deadline (zero: none) bound the whole
	// stream: when ctx is done Send and Recv fail with ctx.Err() among their
	// causes, soon after deadline with an error that matches
	// os.ErrDeadlineExceeded, and the peer is told. An error that matches
	// [ErrNotSent] says that the peer cannot know of the stream.
	Open(ctx context.Context, deadline time.Time, m *Message) (Stream, error)
}

// Stream is one stream of a [Streamer]. One goroutine at a time may call Send
// and CloseSend, one at a time may call Recv; Close may be called by any
// goroutine, more than once.
type Stream interface {
	// Send writes one message; a header is sent with it if the wire can.
	// It waits while the peer does not read, and keeps no reference to m. After
	// the peer has ended the stream it returns io.EOF, and Recv says why.
	Send(m *Message) error
	// CloseSend tells the peer that no more messages will come. Recv goes on.
	CloseSend() error
	// Recv reads the next message; it is valid until the next Recv or Close.
	// io.EOF is the good end. An error made by [Answered] is how the peer
	// ended the stream; any other means that the stream broke.
	Recv(m *Message) error
	// Header waits for the header of the peer's answer. It is empty on wires
	// that have none.
	Header() (Header, error)
	// Trailer is what came with the end of the stream, once Recv has
	// returned an error.
	Trailer() Header
	// Close gives up what is left of the stream and tells the peer if it is
	// not over. It does not block.
	Close() error
}

// Acceptor is the responder's end of a [Shared] connection: in place of
// messages it accepts exchanges. One goroutine calls Accept.
type Acceptor interface {
	Conn
	// Accept waits for the next exchange that the peer begins.
	Accept() (Incoming, error)
}

// Incoming is one exchange or stream, seen by who answers it. Its Recv gives
// what the peer sends, the one request of a unary exchange too; its Send
// answers, and the header of the last message says how it went ("Micro-Error").
type Incoming interface {
	// Opening is the header that the exchange was begun with.
	Opening() Header
	// Unary reports whether exactly one request and one answer are meant.
	Unary() bool
	// Context ends when the peer has given the exchange up, its time is over,
	// or the connection is lost.
	Context() context.Context
	// Recv reads the next message of the peer, valid until the next Recv.
	// io.EOF is the end.
	Recv(m *Message) error
	// Send writes a message. It waits while the peer does not read.
	Send(m *Message) error
	// End writes the last message and ends the exchange; a nil one is an end
	// without a message.
	End(m *Message) error
}
