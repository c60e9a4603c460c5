// SPDX-License-Identifier: Apache-2.0

package simtest

import (
	"encoding/binary"
	"slices"
	"time"

	"example.com/mailcall/transport"
)

// exchange is one request with its reply.
type exchange struct {
	conn      *conn
	call      *call
	fill      uint64
	id, token uint64
	receiver  transport.Receiver
	cancelled bool
	ended     bool
}

// travel decides what happens to a request and sets the timers for it.
func (x *exchange) travel() {
	v := x.conn.server
	w, b := v.world, v.behaviour
	there, back := v.distance()
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

// distance returns how long a request and its answer take, at random.
func (v *server) distance() (there, back time.Duration) {
	b := v.behaviour
	there = b.Latency / 2
	back = b.Latency - there
	if b.Jitter > 0 {
		back += time.Duration(v.world.sim.dice.N(int(b.Jitter/time.Millisecond)+1)) * time.Millisecond
	}
	return there, back
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
		w.sim.answered(x.call.plan.Key)
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

// deliver passes the body to the receiver, on loan: it is overwritten afterwards.
func (x *exchange) deliver(body []byte, err error) {
	if err != nil {
		x.receiver.Deliver(x.token, nil, nil, err)
		return
	}
	m := transport.Message{Body: slices.Clone(body)}
	x.receiver.Deliver(x.token, &m, nil, nil)
	clear(m.Body)
}

// fail ends the connection, and the exchange with it.
func (x *exchange) fail(err error) { x.conn.broke(err) }

// cancel handles that the client cancels the exchange.
func (x *exchange) cancel() {
	s := x.conn.server.world.sim
	s.report.Stats.Cancelled++
	s.noteCall("cancel", x.call, x.conn.server.address)
	x.cancelled = true
	x.end()
}

// end removes the exchange from its connection.
func (x *exchange) end() {
	if x.ended {
		return
	}
	x.ended = true
	mine := func(y *exchange) bool { return x == y }
	x.conn.running = slices.DeleteFunc(x.conn.running, mine)
	x.conn.server.inUse--
	x.call.running = slices.DeleteFunc(x.call.running, mine)
}
