// SPDX-License-Identifier: Apache-2.0

package http

import (
	"errors"
	"time"

	"example.com/mailcall/internal/guard"
	"example.com/mailcall/transport"
)

// listenAfter is how long a long request is written before somebody listens for
// an answer. Most are written by then.
const listenAfter = 50 * time.Millisecond

// errCut ends a write that is of no use any more.
var errCut = errors.New("the answer came before all of the request was written")

// writeLong is the rest of a round trip whose request takes more than one write.
// A server may answer before it has read it all, as with 413, and read no more of
// it: then the write ends with the answer, and not with its bound.
func (c *conn) writeLong(o *outgoing, rest []byte, reply *transport.Message, p transport.Progress) error {
	var early error
	heard := make(chan struct{})
	//nolint:forbidigo // it is about a socket, which no simulator has
	later := time.AfterFunc(listenAfter, func() {
		defer close(heard)
		early = c.overhear(reply)
		c.link.cutWrite()
	})
	sent, err := c.write(o, rest)
	o.free()
	if later.Stop() { // nobody listens
		if err != nil {
			return c.unwritten(sent, err)
		}
		p.Sent()
		return c.Recv(reply)
	}
	if err == nil {
		p.Sent()
		<-heard
		c.link.uncutWrite()
		return early
	}
	<-heard // both have one bound
	_, refused := errors.AsType[*StatusError](early)
	switch {
	case early == nil || refused:
		c.link.add(stateBroken | stateGivenUp)
		p.Sent() // what is left, nobody wants
		return early
	case errors.Is(err, errCut):
		return early // why nothing will be heard
	default:
		return c.unwritten(sent, err)
	}
}

func (c *conn) overhear(reply *transport.Message) (err error) {
	defer guard.Catch("transport", &err)
	return c.Recv(reply)
}

// cutWrite ends the write that waits for room, and each that would wait.
func (l *link) cutWrite() {
	l.cut.Store(true)
	// The flag comes first: who arms the socket looks at it afterwards.
	_ = l.raw.SetWriteDeadline(longAgo())
}

// uncutWrite lets writes go on.
func (l *link) uncutWrite() {
	l.cut.Store(false)
	if l.arm(&l.wr, time.Time{}) != nil {
		l.add(stateBroken)
	}
}
