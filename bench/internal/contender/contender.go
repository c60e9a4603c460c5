// SPDX-License-Identifier: Apache-2.0

// Package contender has the clients that are compared, each behind a small interface,
// so that the harness treats them all alike.
//
// Each contender encodes the request value and decodes the reply value once per call.
// In the HTTP scenarios each sends the same request (see package wire) and checks
// Micro-Error and Content-Type of the answer. To add one, write a file with a function
// of type [New] and add a line to [Table].
package contender

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"example.com/mailcall/bench/internal/echo"
	"example.com/mailcall/bench/internal/wire"
)

// Config is the configuration of a contender.
type Config struct {
	// Address is the "host:port" of the server.
	Address string
	// Callers is the number of goroutines that call at once, and so of the
	// connections that are needed. At least 1.
	Callers int
	// CallTimeout is the timeout for contenders that bound every call. The others,
	// marked so in [Entry.Note], make calls without a deadline unless the caller's
	// context has one.
	CallTimeout time.Duration
	// Plain asks HTTP clients for a request without go-micro's fields, because the
	// server is not go-micro's.
	Plain bool
}

// Contender is one client, shared by all callers.
type Contender interface {
	// Caller returns the caller of goroutine i, from 0 to Callers-1. It is called once
	// per goroutine, before the first call. A client without state per goroutine
	// returns the same value each time.
	Caller(i int) (Caller, error)
	// Close releases all connections. No call may be running.
	Close() error
}

// Caller makes calls. It is used by one goroutine at a time, unless the contender
// returns the same one for all.
type Caller interface {
	// Call sends req and decodes the answer into rsp.
	Call(ctx context.Context, req, rsp proto.Message) error
}

// Bare is implemented by a [Caller] without a codec. The harness calls it instead of
// [Caller.Call], so that only the transfer of bytes is measured.
type Bare interface {
	// Echo sends body and returns the answer, valid until the next Echo.
	Echo(ctx context.Context, body []byte) ([]byte, error)
}

// Mode is the kind of a stream.
type Mode string

// Modes.
const (
	// PingPong streams answer each message with one.
	PingPong Mode = "ping-pong"
	// OneWay streams send messages only; the server answers the end with their number.
	OneWay Mode = "one-way"
)

// Streaming is implemented by a [Contender] that has streams.
type Streaming interface {
	// Open opens a stream, which ends with ctx at the latest.
	Open(ctx context.Context, mode Mode) (Stream, error)
}

// Stream is one stream. It is not safe for concurrent use.
type Stream interface {
	// Send sends a message. It keeps no reference to m.
	Send(m *echo.Message) error
	// CloseSend half-closes the stream.
	CloseSend() error
	// Recv decodes the next message into m. It returns io.EOF at the normal end of a
	// ping-pong stream; on a one-way stream it is called once.
	Recv(m *echo.Message) error
}

// New makes a contender. It opens no connections that belong to a caller.
type New func(Config) (Contender, error)

// errReply is matched by errors about an invalid answer.
var errReply = errors.New("unexpected reply")

// decode checks the two fields that every contender must check, and decodes body into
// rsp, which keeps no reference to body.
func decode[T string | []byte](microError, contentType T, body []byte, rsp proto.Message) error {
	if len(microError) > 0 {
		return fmt.Errorf("%w: Micro-Error %.200q", errReply, microError)
	}
	if len(body) > 0 && string(contentType) != wire.ContentType {
		return fmt.Errorf("%w: Content-Type %.100q, want %s", errReply, contentType, wire.ContentType)
	}
	return proto.Unmarshal(body, rsp)
}

func statusError(code int) error {
	return fmt.Errorf("%w: status %d, want 200", errReply, code)
}

// fields returns the header fields that an HTTP client sends in addition to its own.
func (c Config) fields() []wire.Field {
	if c.Plain {
		return []wire.Field{{Name: wire.HeaderContentType, Value: wire.ContentType}}
	}
	return wire.Fields()
}
