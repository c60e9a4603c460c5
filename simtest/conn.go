// SPDX-License-Identifier: Apache-2.0

package simtest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/transport"
)

// conn is the client's end of a connection to a server: what all kinds have in
// common. Its Send and Recv are in sync.go.
type conn struct {
	server   *server
	number   int
	opened   clock.Instant
	open     bool // the client has not closed it
	dead     bool // the server has closed it, and the client can know
	leaving  bool // the server accepts nothing new
	running  []*exchange
	channels []*channel // streams; one at most unless the wire is shared
	begun    uint64     // exchanges and streams
	bounds   bounds     // of Send and Recv
	landed   *landing   // the reply that Recv waits for
}

var _ transport.Peer = (*conn)(nil)

// asyncConn carries one exchange at a time, whose reply is delivered later.
type asyncConn struct{ *conn }

var _ transport.Async = asyncConn{}

// errAsync is the error of Send and Recv on connections that have Begin.
var errAsync = errors.New("simulated: this connection has Begin in place of Send and Recv")

// Send implements transport.Conn.
func (asyncConn) Send(*transport.Message) error { return transport.NotSent(errAsync) }

// Recv implements transport.Conn.
func (asyncConn) Recv(*transport.Message) error { return errAsync }

// Begin implements transport.Async.
func (c asyncConn) Begin(m *transport.Message, r transport.Receiver, token uint64) (id uint64, err error) {
	x, err := c.begin(m, r, token)
	if err != nil {
		return 0, err
	}
	return x.id, nil
}

// Cancel implements transport.Async.
func (c asyncConn) Cancel(id uint64) {
	for _, x := range c.running {
		if x.id == id {
			x.cancel()
			return
		}
	}
}

// Ready implements transport.Async.
func (c asyncConn) Ready(time.Duration) bool { return c.open && !c.dead && !c.leaving }

// sharedConn carries many exchanges and streams at once.
type sharedConn struct{ asyncConn }

var (
	_ transport.Shared   = sharedConn{}
	_ transport.Streamer = sharedConn{}
)

// Load implements transport.Shared.
func (c sharedConn) Load() (running int, begun uint64) { return c.carries(), c.begun }

// carries returns how many exchanges and streams are on the connection.
func (c *conn) carries() int { return len(c.running) + len(c.channels) }

func (c *conn) shared() bool { return c.server.wire == WireShared }

// face returns the connection as the client gets it.
func (c *conn) face() transport.Conn {
	switch c.server.wire {
	case WireExclusive:
		return &exclusiveConn{conn: c}
	case WirePlain:
		return &plainConn{c}
	case WireShared:
		return sharedConn{asyncConn{c}}
	default:
		return asyncConn{c}
	}
}

// refusal returns why a connection accepts nothing more, nil if it does.
func (c *conn) refusal() error {
	v := c.server
	switch {
	case !c.open, c.leaving:
		return transport.NotSent(errReset)
	case c.shared() && v.behaviour.Streams > 0 && c.carries() >= v.behaviour.Streams:
		v.world.sim.report.Stats.Full++
		return transport.ErrFull
	case c.dead, v.world.rolls(v.behaviour.Unsent):
		c.broke(errReset)
		return transport.NotSent(errReset)
	}
	return nil
}

// begin begins an exchange.
func (c *conn) begin(m *transport.Message, r transport.Receiver, token uint64) (*exchange, error) {
	s, v := c.server.world.sim, c.server
	call, fill := s.requestOf(m)
	if call == nil {
		s.violatef(OwnReply, "a request to %s belongs to no call", v.address)
		return nil, errReset
	}
	s.noteCall("send", call, v.address, "conn", strconv.Itoa(c.number))
	s.checkBegin(c, call)
	err := c.refusal()
	if errors.Is(err, transport.ErrFull) {
		return nil, err // it is the same attempt that goes on elsewhere
	}
	s.report.Stats.Attempts++
	call.begins++
	if err != nil {
		return nil, err
	}
	s.begun++
	c.begun++
	x := &exchange{conn: c, call: call, fill: fill, id: s.begun, token: token, receiver: r}
	c.running = append(c.running, x)
	v.inUse++
	call.running = append(call.running, x)
	clear(m.Body) // it is the client's again
	x.travel()
	if w := v.world; c.shared() && w.rolls(v.behaviour.Leave) {
		c.leave()
	}
	return x, nil
}

// leave makes the server say that it accepts nothing new on the connection.
func (c *conn) leave() {
	w := c.server.world
	w.sim.clock.after(c.server.behaviour.Latency/2, func() {
		if !c.leaving {
			w.sim.note("go away", c.server.address, "conn", strconv.Itoa(c.number))
			w.sim.report.Stats.Leaves++
			c.leaving = true
		}
	})
}

// broke ends everything that the connection carries.
func (c *conn) broke(err error) {
	c.dead = true
	for _, x := range slices.Clone(c.running) {
		c.server.world.sim.noteCall("reset", x.call)
		x.end()
		x.deliver(nil, err)
	}
	for _, ch := range c.channels {
		ch.broke(err)
	}
}

// Close implements transport.Conn.
func (c *conn) Close() error {
	if !c.open {
		return nil
	}
	w := c.server.world
	w.sim.note("close", c.server.address, "conn", strconv.Itoa(c.number))
	c.open = false
	w.open--
	c.server.open--
	c.server.conns = slices.DeleteFunc(c.server.conns, func(d *conn) bool { return c == d })
	switch wire := c.server.wire; {
	case wire == WirePlain, wire == WireExclusive: // there closing is how an exchange is cancelled
		for _, x := range slices.Clone(c.running) {
			x.cancel()
		}
		for _, ch := range slices.Clone(c.channels) {
			ch.close()
		}
	case c.carries() > 0:
		w.sim.violatef(ConnectionsConserved, "connection %d to %s was closed while %d exchanges or streams used it", c.number, c.server.address, c.carries())
	}
	return nil
}

// reset resets the connection some milliseconds later, as after a crash.
func (c *conn) reset(after int) {
	s := c.server.world.sim
	s.clock.after(time.Duration(after)*time.Millisecond, func() { c.broke(errReset) })
}

// LocalAddress implements transport.Peer.
func (c *conn) LocalAddress() string { return fmt.Sprintf("192.0.2.1:%d", 1024+c.number%60000) }

// RemoteAddress implements transport.Peer. It is not what was dialled, as with
// every host name.
func (c *conn) RemoteAddress() string { return "198.51.100.7 (" + c.server.address + ")" }
