// SPDX-License-Identifier: Apache-2.0

// Package contender has the clients that are compared, each brought to one
// small contract so that the harness treats all of them alike.
//
// Each contender encodes the request value and decodes the reply value once
// per call. In the HTTP scenarios each sends the same request (see package
// wire) and looks at Micro-Error and Content-Type of the answer. To add one,
// write a file with a function of type [New] and add a line to [Table].
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

// Config is what a contender is made for.
type Config struct {
	// Address is the "host:port" of the server.
	Address string
	// Callers is how many goroutines call at once, so how many connections
	// are needed. At least 1.
	Callers int
	// CallTimeout is the bound that a contender which always bounds its calls
	// should use. The others, marked so in [Entry.Note], leave calls without
	// a deadline unless the caller's context has one.
	CallTimeout time.Duration
	// Plain asks HTTP clients for a request without go-micro's fields: the
	// server is none of go-micro's.
	Plain bool
}

// Contender is one client, shared by all callers.
type Contender interface {
	// Caller returns what goroutine number i, from 0 to Callers-1, calls
	// with. It is asked once per goroutine, before the first call. A client
	// without state of its own per goroutine returns the same value.
	Caller(i int) (Caller, error)
	// Close releases all connections. No call may be running.
	Close() error
}

// Caller makes calls. One goroutine at a time uses it, unless the contender
// gives the same one to all.
type Caller interface {
	// Call sends req and decodes the answer into rsp.
	Call(ctx context.Context, req, rsp proto.Message) error
}

// Bare is implemented by a [Caller] without a codec. The harness calls it in
// place of [Caller.Call], so that nothing is measured but the way of bytes.
type Bare interface {
	// Echo sends body and returns the answer, valid until the next Echo.
	Echo(ctx context.Context, body []byte) ([]byte, error)
}

// Mode is what a stream is opened for.
type Mode string

// The modes.
const (
	// PingPong is a message out, a message back, and so on.
	PingPong Mode = "ping-pong"
	// OneWay is messages out; the server answers the end with their number.
	OneWay Mode = "one-way"
)

// Streaming is implemented by a [Contender] that has streams.
type Streaming interface {
	// Open begins a stream, which ends with ctx at the latest.
	Open(ctx context.Context, mode Mode) (Stream, error)
}

// Stream is one stream. One goroutine uses it.
type Stream interface {
	// Send sends a message. It keeps no reference to it.
	Send(m *echo.Message) error
	// CloseSend says that no more messages will be sent.
	CloseSend() error
	// Recv decodes the next message into m. After the last one of a ping-pong
	// stream that ended well it returns io.EOF; of a one-way stream it is
	// called once.
	Recv(m *echo.Message) error
}

// New makes a contender. It opens no connection that a caller needs for
// itself.
type New func(Config) (Contender, error)

// errReply is matched by errors about an answer that should not have been.
var errReply = errors.New("unexpected reply")

// decode looks at the two fields every contender must look at and decodes
// body into rsp, which keeps no reference to body.
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

// fields are the header fields that an HTTP client sends besides its own.
func (c Config) fields() []wire.Field {
	if c.Plain {
		return []wire.Field{{Name: wire.HeaderContentType, Value: wire.ContentType}}
	}
	return wire.Fields()
}
