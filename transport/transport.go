// SPDX-License-Identifier: Apache-2.0

// Package transport is the contract between mailcall and whatever carries its
// messages: one message goes out, one comes back.
//
// A transport of your own needs [Transport] and [Conn] only. mailcall drives
// such a connection with one exchange at a time and ends a hopeless one by
// closing it. A connection that can do more says so by implementing an
// optional interface: [Exclusive] for one exchange at a time that can be bounded
// and interrupted; [Async] or [Parallel], with [Shared], for many at once;
// [Streamer] for streams that the wire knows as such.
package transport

import (
	"context"
	"time"
)

// Message is what travels: a header and a body. The meaning of both belongs to
// the layers above; a transport carries them unchanged, except that the names
// of header fields may change case on the way (HTTP does that).
type Message struct {
	// Header is the ordered list of fields. Nil is an empty header.
	Header Header
	// Body is the encoded value. Nil and empty are the same.
	Body []byte
	// Trailer are fields that came after the body of a reply, on wires that
	// have such. It is not sent.
	Trailer Header
	// Loan, if not nil, says that Body is memory which is used again. Who gets a
	// reply from [Parallel] returns the loan when it has read the body. A
	// transport that is given a request may read the body until the call
	// returns; to read it longer it takes the loan, by setting the field to
	// nil, and returns it when it is done.
	Loan Loan
	// Brief says of a request that nobody will look at the header and the
	// trailer of its reply: a transport for which they cost something may
	// leave them out. It is not sent.
	Brief bool
}

// Transport opens connections. It is used by many goroutines at once.
type Transport interface {
	// Dial opens a connection to address, a form that the transport defines
	// ("host:port" mostly). It returns at the latest when ctx is done, with an
	// error that says why. mailcall bounds ctx by the dial timeout.
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
	// Recv reads the next message into m. Header and body are valid until
	// the next Recv or Close on this connection; copy what must live longer.
	// A peer that ended the connection before the first byte is io.EOF; a
	// peer that broke the rules of the wire is [ErrProtocol]; a message over
	// the transport's limit is [ErrTooLarge].
	Recv(m *Message) error
	// Close releases the connection. It may block, for example to say
	// goodbye over TLS; mailcall never calls it from an actor's turn.
	Close() error
}

// Exclusive is a [Conn] that carries one exchange at a time on the goroutine
// that waits for it, and can be bounded and interrupted while it does. It is
// the fast form for wires without multiplexing: no second goroutine and no
// hand-over is needed.
type Exclusive interface {
	Conn
	// Bind bounds the Send and Recv calls that follow, until the next Bind.
	// They fail with an error that matches os.ErrDeadlineExceeded once
	// deadline has passed (the zero time is no bound), and with an error that
	// matches ctx.Err() soon after ctx is done: at once if the exchange has
	// lasted longer than two milliseconds, within two milliseconds otherwise.
	Bind(ctx context.Context, deadline time.Time)
	// Interrupt makes a pending and every later Send and Recv fail with
	// [ErrInterrupted]. It may be called by any goroutine, does not block, and
	// leaves the connection good only for Close.
	Interrupt()
	// Ready reports whether another exchange may begin. It is asked after
	// each exchange with idle 0, and before a connection is used again that
	// has been idle for idle. It must not block; looking at the socket for a
	// close by the peer is what it is for.
	Ready(idle time.Duration) bool
}

// Listener accepts connections, for responders: tests, demos, tools.
type Listener interface {
	// Accept waits for the next connection. After Close it returns an error
	// that matches net.ErrClosed.
	Accept() (Conn, error)
	// Address is the address a client dials to reach this listener.
	Address() string
	// Close stops listening and makes Accept return. Connections that were
	// accepted live on.
	Close() error
}

// Peer is implemented by connections that know their two ends.
type Peer interface {
	// LocalAddress is this side's address, "host:port" where there is one.
	LocalAddress() string
	// RemoteAddress is the other side's address.
	RemoteAddress() string
}
