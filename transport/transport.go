// SPDX-License-Identifier: Apache-2.0

// Package transport is the contract between mailcall and whatever carries its
// messages.
//
// A transport needs to implement only [Transport] and [Conn]. mailcall then runs one
// exchange at a time on a connection, and cancels it by closing the connection. A
// connection that can do more implements optional interfaces: [Exclusive] for one
// exchange at a time that can be bounded and interrupted; [Async] or [Parallel], with
// [Shared], for many at once; [Streamer] for streams.
package transport

import (
	"context"
	"time"
)

// Message is a header and a body. A transport carries both unchanged, except that the
// names of header fields may change case (HTTP does that).
type Message struct {
	// Header is the ordered list of fields. Nil is an empty header.
	Header Header
	// Body is the encoded value. Nil is the same as empty.
	Body []byte
	// Trailer has the fields that followed the body of a reply, if the protocol has
	// trailers. It is not sent.
	Trailer Header
	// Loan, if not nil, says that the memory of Body is reused. The receiver of a
	// reply from [Parallel] returns the loan when it has read the body. A transport
	// may read the body of a request until the call returns; to read it longer, it
	// takes over the loan by setting the field to nil, and returns it when it is done.
	Loan Loan
	// Brief says of a request that the header and the trailer of its reply will not be
	// read, so that a transport may omit them to save work. It is not sent.
	Brief bool
}

// Transport opens connections. Implementations must be safe for concurrent use.
type Transport interface {
	// Dial opens a connection to address, whose form the transport defines (usually
	// "host:port"). It returns when ctx is done at the latest. mailcall bounds ctx by
	// the dial timeout. With [Doing] a Dial can say how far it is.
	Dial(ctx context.Context, address string) (Conn, error)
	// String is the short name by which options, node metadata ("transport")
	// and the inspector know it: "http", "memory".
	String() string
}

// Conn carries messages in both directions. One goroutine at a time may call
// Send, one at a time may call Recv; Close may be called by any goroutine, more
// than once, and makes a pending Send or Recv return an error.
type Conn interface {
	// Send writes one message. It keeps no reference to m, its header or its
	// body after it returns. An error made by [NotSent] says that the peer
	// cannot have seen any byte of it; any other error leaves that open.
	Send(m *Message) error
	// Recv reads the next message into m. Header and body are valid until the next
	// Recv or Close on this connection; copy what is needed longer. The error matches
	// io.EOF if the peer has closed the connection before the first byte,
	// [ErrProtocol] if it has violated the protocol, and [ErrTooLarge] if the message
	// is over the transport's limit.
	Recv(m *Message) error
	// Close releases the connection. It may block, for example to say
	// goodbye over TLS; mailcall never calls it from an actor's turn.
	Close() error
}

// Exclusive is a [Conn] that carries one exchange at a time on the goroutine that
// waits for it, and that can be bounded and interrupted meanwhile. It is the fastest
// kind for protocols without multiplexing, because it needs no second goroutine.
type Exclusive interface {
	Conn
	// Bind bounds the Send and Recv calls that follow, until the next Bind.
	// They fail with an error that matches os.ErrDeadlineExceeded once
	// deadline has passed (the zero time is no bound), and with an error that
	// matches ctx.Err() once ctx is done, at most two milliseconds later.
	Bind(ctx context.Context, deadline time.Time)
	// Interrupt makes a pending and every later Send and Recv fail with
	// [ErrInterrupted]. It may be called by any goroutine, does not block, and
	// leaves the connection good only for Close.
	Interrupt()
	// Ready reports whether another exchange may begin. It is called after each
	// exchange with an idle time of 0, and before an idle connection is reused with
	// the time for which it was idle. It must not block. It should check the socket
	// for a close by the peer.
	Ready(idle time.Duration) bool
}

// Listener accepts connections, for responders: tests, demos, tools.
type Listener interface {
	// Accept waits for the next connection. After Close it returns an error
	// that matches net.ErrClosed.
	Accept() (Conn, error)
	// Address is the address a client dials to reach this listener.
	Address() string
	// Close stops listening and makes Accept return. Accepted connections stay open.
	Close() error
}

// Peer is implemented by connections that know their two ends.
type Peer interface {
	// LocalAddress is this side's address, "host:port" where there is one.
	LocalAddress() string
	// RemoteAddress is the other side's address.
	RemoteAddress() string
}

// RoundTripper is an [Exclusive] connection that can run a whole exchange in one
// call, which is cheaper.
type RoundTripper interface {
	Exclusive
	// RoundTrip is Ready, Send and Recv in one, and replaces all three: it is
	// called on idle connections without calling Ready first. It calls p when the
	// request has been sent and the wait for the reply begins; from then on the
	// request is not read any more.
	// The errors are those of Send and Recv, and one that matches [ErrStale] and
	// [ErrNotSent] where Ready would have reported false.
	RoundTrip(request, reply *Message, p Progress) error
}

// Progress is called by a [RoundTripper] during an exchange.
type Progress interface {
	// Sent says that the whole request has been written. It must not block.
	Sent()
}
