// SPDX-License-Identifier: Apache-2.0

package simtest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/transport"
)

// conn is a connection to a server, seen from the client.
type conn struct {
	server *server
	number int
	opened clock.Instant
	open   bool // the client has not closed it
	dead   bool // the server has, and the client can know
	run    *exchange
}

var (
	_ transport.Async = (*conn)(nil)
	_ transport.Peer  = (*conn)(nil)
)

// exchange is one request with its reply.
type exchange struct {
	conn      *conn
	call      *call
	fill      uint64
	token     uint64
	receiver  transport.Receiver
	cancelled bool
	ended     bool
}

// Begin implements transport.Async.
func (c *conn) Begin(m *transport.Message, r transport.Receiver, token uint64) (id uint64, err error) {
	s, v := c.server.world.sim, c.server
	call, fill := s.requestOf(m)
	if call == nil {
		s.violatef(OwnReply, "a request to %s belongs to no call", v.address)
		return 0, errReset
	}
	s.noteCall("send", call, v.address, "conn", strconv.Itoa(c.number))
	s.checkBegin(c, call)
	s.report.Stats.Attempts++
	call.begins++
	switch {
	case !c.open:
		return 0, transport.NotSent(errReset)
	case c.dead || v.world.rolls(v.behaviour.Unsent):
		c.dead = true
		return 0, transport.NotSent(errReset)
	}
	x := &exchange{conn: c, call: call, fill: fill, token: token, receiver: r}
	c.run = x
	v.inUse++
	call.running = append(call.running, x)
	clear(m.Body) // it is the client's again
	x.travel()
	return token, nil
}

// travel rolls the fate of a request and puts it on the clock.
func (x *exchange) travel() {
	v := x.conn.server
	w, b := v.world, v.behaviour
	there := b.Latency / 2
	back := b.Latency - there
	if b.Jitter > 0 {
		back += time.Duration(w.sim.dice.N(int(b.Jitter/time.Millisecond)+1)) * time.Millisecond
	}
	if w.rolls(b.CutRequest) {
		w.sim.clock.after(there, func() { x.fail(errReset) })
		return
	}
	w.sim.clock.after(there, func() {
		if v.crashed || x.conn.dead {
			return // the reset is under way
		}
		body := v.execute(x)
		switch {
		case w.rolls(b.Silent):
		case w.rolls(b.CutReply):
			w.sim.clock.after(back, func() { x.fail(errReset) })
		default:
			w.sim.clock.after(back, func() { x.arrive(body) })
		}
	})
}

// The first byte of a reply.
const (
	replyGood = iota
	replyFailed
	replyGarbled
)

// replyLen is the length of a reply: the first byte, the call, the attempt.
const replyLen = 17

// execute is the handler of the service.
func (v *server) execute(x *exchange) []byte {
	w := v.world
	w.sim.executed(x)
	body := make([]byte, replyLen)
	switch {
	case w.rolls(v.behaviour.Fail):
		body[0] = replyFailed
	case w.rolls(v.behaviour.Garble):
		body[0] = replyGarbled
	}
	binary.LittleEndian.PutUint64(body[1:], uint64(x.call.id))
	binary.LittleEndian.PutUint64(body[9:], x.fill)
	return body
}

// arrive brings a reply to the client, and sometimes a second time.
func (x *exchange) arrive(body []byte) {
	w := x.conn.server.world
	late := x.ended || x.cancelled
	if late && !w.rolls(x.conn.server.behaviour.Late) || x.conn.dead {
		return
	}
	if late {
		w.sim.report.Stats.Late++
		w.sim.noteCall("late reply", x.call)
	} else {
		w.sim.noteCall("reply", x.call)
		w.sim.answered(x.call)
		x.end()
	}
	x.deliver(body, nil)
	if w.rolls(x.conn.server.behaviour.Double) {
		w.sim.clock.after(time.Duration(w.sim.dice.N(50))*time.Millisecond, func() {
			w.sim.noteCall("doubled reply", x.call)
			x.deliver(body, nil)
		})
	}
}

// deliver lends the receiver a body that is worth nothing afterwards.
func (x *exchange) deliver(body []byte, err error) {
	if err != nil {
		x.receiver.Deliver(x.token, nil, nil, err)
		return
	}
	m := transport.Message{Body: slices.Clone(body)}
	x.receiver.Deliver(x.token, &m, nil, nil)
	clear(m.Body)
}

// fail ends the exchange and the connection.
func (x *exchange) fail(err error) {
	x.conn.dead = true
	if x.ended || x.cancelled {
		return
	}
	x.conn.server.world.sim.noteCall("reset", x.call)
	x.end()
	x.deliver(nil, err)
}

// end takes the exchange off its connection.
func (x *exchange) end() {
	if x.ended {
		return
	}
	x.ended = true
	x.conn.run = nil
	x.conn.server.inUse--
	x.call.running = slices.DeleteFunc(x.call.running, func(y *exchange) bool { return x == y })
}

// Cancel implements transport.Async.
func (c *conn) Cancel(id uint64) {
	x := c.run
	if x == nil || x.token != id {
		return
	}
	s := c.server.world.sim
	s.report.Stats.Cancelled++
	s.noteCall("cancel", x.call, c.server.address)
	x.cancelled = true
	x.end()
}

// Ready implements transport.Async.
func (c *conn) Ready(time.Duration) bool { return c.open && !c.dead }

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
	if c.run != nil {
		w.sim.violatef(ConnectionsConserved, "connection %d to %s was closed while call %d used it", c.number, c.server.address, c.run.call.id)
	}
	return nil
}

// reset is what a crash of the server does, some milliseconds later.
func (c *conn) reset(after int) {
	s := c.server.world.sim
	s.clock.after(time.Duration(after)*time.Millisecond, func() {
		c.dead = true
		if c.run != nil {
			c.run.fail(errReset)
		}
	})
}

var errAsync = errors.New("simulated: this connection has Begin in place of Send and Recv")

// Send implements transport.Conn.
func (*conn) Send(*transport.Message) error { return transport.NotSent(errAsync) }

// Recv implements transport.Conn.
func (*conn) Recv(*transport.Message) error { return errAsync }

// LocalAddress implements transport.Peer.
func (c *conn) LocalAddress() string { return fmt.Sprintf("192.0.2.1:%d", 1024+c.number%60000) }

// RemoteAddress implements transport.Peer. It is not what was dialled, as with
// every host name.
func (c *conn) RemoteAddress() string { return "198.51.100.7 (" + c.server.address + ")" }
