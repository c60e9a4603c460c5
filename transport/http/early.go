// SPDX-License-Identifier: Apache-2.0

package http

import (
	"errors"
	"time"

	"example.com/mailcall/internal/guard"
	"example.com/mailcall/transport"
)

// earlyAfter is how long the write of a long request may take before the answer is
// read at the same time. Most are written by then.
const earlyAfter = 50 * time.Millisecond

// errAborted ends a write that was aborted because the answer has been received.
var errAborted = errors.New("the answer came before all of the request was written")

// writeLong is the rest of a round trip whose request takes more than one write.
// A server may answer before it has read the whole request, for example with 413,
// and read no more of it. Then the answer aborts the write, which would otherwise
// block until its deadline.
func (c *conn) writeLong(o *outgoing, rest []byte, reply *transport.Message, p transport.Progress) error {
	var early error
	received := make(chan struct{})
	//nolint:forbidigo // it is about a socket, which no simulator has
	later := time.AfterFunc(earlyAfter, func() {
		defer close(received)
		early = c.recvEarly(reply)
		c.link.abortWrite()
	})
	sent, err := c.write(o, rest)
	o.free()
	if later.Stop() { // no other goroutine reads
		if err != nil {
			return c.unwritten(sent, err)
		}
		p.Sent()
		return c.Recv(reply)
	}
	if err == nil {
		p.Sent()
		<-received
		c.link.allowWrite()
		return early
	}
	<-received // reading has the same bound as writing
	_, refused := errors.AsType[*StatusError](early)
	switch {
	case early == nil || refused:
		c.link.add(stateBroken | stateGivenUp)
		p.Sent() // the server does not need the rest
		return early
	case errors.Is(err, errAborted):
		return early // why no answer can be received
	default:
		return c.unwritten(sent, err)
	}
}

// recvEarly is Recv on a goroutine of its own, where a panic must be caught.
func (c *conn) recvEarly(reply *transport.Message) (err error) {
	defer guard.Catch("transport", &err)
	return c.Recv(reply)
}

// abortWrite ends the write that is blocked, and each that would block, with
// errAborted. It may be called by any goroutine.
func (l *link) abortWrite() {
	l.aborted.Store(true)
	// The flag is set first, because arm checks it after setting a deadline.
	_ = l.raw.SetWriteDeadline(longAgo())
}

// allowWrite reverts abortWrite. No write may be in progress.
func (l *link) allowWrite() {
	l.aborted.Store(false)
	if l.arm(&l.wr, time.Time{}) != nil {
		l.add(stateBroken)
	}
}
