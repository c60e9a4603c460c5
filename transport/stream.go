// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"time"
)

// Streamer is a [Conn] whose protocol has streams. On any other connection a stream
// is a sequence of messages that has the connection for itself until it ends.
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
	// Send writes one message; its header is sent with it if the protocol can. It
	// blocks while the peer does not read, and keeps no reference to m. After the
	// peer has ended the stream it returns io.EOF, and Recv returns the reason.
	Send(m *Message) error
	// CloseSend tells the peer that no more messages will come. Recv goes on.
	CloseSend() error
	// Recv reads the next message; it is valid until the next Recv or Close. io.EOF
	// is the normal end. An error made by [Answered] is one with which the peer has
	// ended the stream; any other means that the stream is broken.
	Recv(m *Message) error
	// Header waits for the header of the peer's answer and returns it. It is empty if
	// the protocol has none.
	Header() (Header, error)
	// Trailer returns the fields that came with the end of the stream. It is valid
	// once Recv has returned an error.
	Trailer() Header
	// Close drops what is left of the stream, and tells the peer if the stream has
	// not ended. It does not block.
	Close() error
}

// Acceptor is the responder's end of a [Shared] connection: it accepts exchanges
// instead of messages. One goroutine calls Accept.
type Acceptor interface {
	Conn
	// Accept waits for the next exchange that the peer begins.
	Accept() (Incoming, error)
}

// Incoming is the responder's end of one exchange or stream. Recv returns what the
// peer sends, including the request of a unary exchange; Send answers. The header of
// the last message contains the error, if any ("Micro-Error").
type Incoming interface {
	// Opening returns the header with which the exchange began.
	Opening() Header
	// Unary reports whether there is exactly one request and one answer.
	Unary() bool
	// Context is cancelled when the peer has cancelled the exchange, its deadline has
	// passed, or the connection is lost.
	Context() context.Context
	// Recv reads the next message of the peer, valid until the next Recv. io.EOF is
	// the end.
	Recv(m *Message) error
	// Send writes a message. It blocks while the peer does not read.
	Send(m *Message) error
	// End writes the last message and ends the exchange; with nil it ends without a
	// message.
	End(m *Message) error
}
