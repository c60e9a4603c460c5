// SPDX-License-Identifier: Apache-2.0

// Package contender has the HTTP/1.1 clients that are compared, each brought
// to one small contract so that the harness treats all of them alike.
//
// Each contender sends the same request (see package wire), encodes the
// request value and decodes the reply value once per call, and looks at
// Micro-Error and Content-Type of the answer. To add one, write a file with a
// function of type [New] and add a line to [All].
package contender

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

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

// New makes a contender. It opens no connection.
type New func(Config) (Contender, error)

// Entry is a row in the table of contenders.
type Entry struct {
	// Name is how flags and results call it.
	Name string
	// Note says in a few words how the client is set up.
	Note string
	// New makes it.
	New New
}

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
