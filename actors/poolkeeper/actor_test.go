// SPDX-License-Identifier: Apache-2.0

package poolkeeper

import (
	"errors"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"example.com/mailcall/actors/internal/actortest"
	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/dice"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// rig is a keeper whose turns the test takes, with a clock that it moves, and dials
// that end when it says so.
type rig struct {
	*keeper
	actortest.Clock
	dialled int
	cancels int // dials that were cancelled
	caller  actortest.Inbox
	replyTo messages.Ref[messages.AttemptMessage]
}

func newRig(t *testing.T, limits messages.PoolLimits) *rig {
	t.Helper()
	system := actor.NewActorSystem()
	t.Cleanup(func() { system.Shutdown() })
	r := &rig{Clock: actortest.Clock{At: clock.Instant(time.Hour)}}
	caller, _ := system.ProcessRegistry.Add(&r.caller, "caller")
	r.replyTo = messages.NewRef[messages.AttemptMessage](system, caller)
	k, is := New(Config{
		Pool: &messages.Pool{Address: "a:80"}, Limits: limits, Clock: &r.Clock, Dice: dice.NewSource(1).Dice(),
		Dial: func(string, time.Duration, func(transport.Conn, error)) (cancel func()) {
			return func() { r.cancels++ }
		},
		Go: func(work func()) { work() },
	}).(*keeper)
	if !is {
		t.Fatal("got another actor, want a keeper")
	}
	r.keeper = k
	k.timer = r.Clock.Timer(nil)
	return r
}

func (r *rig) tell(m messages.KeeperMessage) {
	r.handle(nil, m)
	r.publish()
}

// acquire asks for a connection for the call with this ticket.
func (r *rig) acquire(ticket messages.Ticket, m messages.Acquire) {
	m.Ticket, m.Attempt, m.ReplyTo = ticket, 1, r.replyTo
	r.tell(m)
}

// succeed ends the oldest dial with a connection.
func (r *rig) succeed(c transport.Conn) {
	r.dialled++
	r.tell(messages.Dialled{ID: r.dialled, Conn: c})
}

// leased returns the last answer to a caller, of which there are n.
func (r *rig) leased(t *testing.T, n int) messages.Leased {
	t.Helper()
	if len(r.caller) != n {
		t.Fatalf("got %d answers, %+v, want %d", len(r.caller), r.caller, n)
	}
	m, _ := r.caller[n-1].(messages.Leased)
	return m
}

// exclusive is a connection for one call at a time.
type exclusive struct {
	transport.Exclusive
	closed bool
}

func (*exclusive) Ready(time.Duration) bool { return true }

func (e *exclusive) Close() error {
	e.closed = true
	return nil
}

// shared is a connection for many calls at once.
type shared struct {
	transport.Shared
	running int
	begun   uint64
	full    bool
	closed  bool
}

func (s *shared) Ready(time.Duration) bool { return !s.full }

func (s *shared) Load() (running int, begun uint64) { return s.running, s.begun }

func (s *shared) Close() error {
	s.closed = true
	return nil
}

// A stream waits for a connection of its own: one that a call returns makes room for it
// if no other may be opened.
func TestReturnedConnectionMakesRoomForAStream(t *testing.T) {
	r := newRig(t, messages.PoolLimits{Size: 1, Max: 1, Waiters: 1})
	used, fresh := new(exclusive), new(exclusive)
	r.acquire(1, messages.Acquire{})
	r.succeed(used)
	call := r.leased(t, 1)
	r.acquire(2, messages.Acquire{Fresh: true})
	r.tell(messages.Released{Conn: call.Conn})
	if !used.closed || r.state.dialing != 1 {
		t.Fatalf("got the used connection closed: %t, and %d dials, want it closed and one dial", used.closed, r.state.dialing)
	}
	r.succeed(fresh)
	if got := r.leased(t, 2); got.Ticket != 2 || got.Conn == nil || got.Conn.Conn != transport.Conn(fresh) {
		t.Errorf("got %+v for the stream, want the fresh connection", got)
	}
}

// A caller for whom a shared connection has no room gets one that carries less, else an
// error if no other may be opened.
func TestFullSharedConnections(t *testing.T) {
	for _, tc := range []struct {
		name    string
		running [2]int
		full    int // which of the two is full
		other   bool
	}{
		{"the second carries less", [2]int{8, 7}, 0, true},
		{"the second is as full", [2]int{8, 8}, 0, false},
		{"the second carries more", [2]int{8, 9}, 0, false},
		{"the first carries less", [2]int{7, 8}, 1, true},
		{"the first is as full", [2]int{8, 8}, 1, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, messages.PoolLimits{Max: 2, Waiters: 9})
			r.acquire(1, messages.Acquire{})
			r.succeed(new(shared))
			first := r.leased(t, 1).Conn
			r.acquire(2, messages.Acquire{Full: first})
			r.succeed(new(shared))
			both := [2]*messages.Conn{first, r.leased(t, 2).Conn}
			for i, c := range both {
				c.Conn.(*shared).running = tc.running[i]
			}
			r.acquire(3, messages.Acquire{Full: both[tc.full]})
			switch got := r.leased(t, 3); {
			case tc.other && got.Conn != both[1-tc.full]:
				t.Errorf("got %+v, want the other connection", got)
			case !tc.other && !errors.Is(got.Err, rpcerr.ErrOverloaded):
				t.Errorf("got %+v, want ErrOverloaded", got)
			}
			if n := len(r.state.waiters); n != 0 {
				t.Errorf("got %d callers that wait, want none", n)
			}
		})
	}
}

// A stream is not opened on a shared connection that takes no more exchanges.
func TestStreamOnAConnectionThatLeaves(t *testing.T) {
	r := newRig(t, messages.PoolLimits{Max: 2, Waiters: 1})
	leaving, next := new(shared), new(shared)
	r.acquire(1, messages.Acquire{})
	r.succeed(leaving)
	leaving.full = true
	r.acquire(2, messages.Acquire{Fresh: true})
	if !leaving.closed {
		t.Error("got a connection that is open without an exchange, want it closed")
	}
	r.succeed(next)
	if got := r.leased(t, 2); got.Conn == nil || got.Conn.Conn != transport.Conn(next) {
		t.Errorf("got %+v, want the new connection", got)
	}
}

// A dial that fails is the failure of one caller, or of all if they would have shared
// the connection.
func TestFailedDial(t *testing.T) {
	for _, tc := range []struct {
		name        string
		multiplexed bool
		told, dials int // how many callers are told, and how many dials run then
	}{
		{"exclusive", false, 1, 2},
		{"multiplexed", true, 3, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, messages.PoolLimits{Max: 3, Waiters: 1})
			r.state.multiplexed = tc.multiplexed
			for ticket := range 3 {
				r.acquire(messages.Ticket(ticket+1), messages.Acquire{})
			}
			refused := errors.New("connection refused")
			r.tell(messages.Dialled{ID: 1, Err: refused})
			if got := r.leased(t, tc.told); !errors.Is(got.Err, refused) || got.Phase != rpcerr.PhaseDial {
				t.Errorf("got %+v, want %v in phase dial", got, refused)
			}
			if r.state.dialing != tc.dials {
				t.Errorf("got %d dials, want %d", r.state.dialing, tc.dials)
			}
		})
	}
}

// Idle connections over a lower limit are closed at once.
func TestLowerSize(t *testing.T) {
	r := newRig(t, messages.PoolLimits{Size: 2, Max: 2, Waiters: 1})
	conns := [2]*exclusive{new(exclusive), new(exclusive)}
	for i, c := range conns {
		r.acquire(messages.Ticket(i+1), messages.Acquire{})
		r.succeed(c)
	}
	for _, m := range r.caller {
		r.At++
		r.tell(messages.Released{Conn: m.(messages.Leased).Conn})
	}
	r.tell(messages.SetLimits{Limits: messages.PoolLimits{Size: 1, Max: 2}})
	if !conns[0].closed || conns[1].closed || r.state.open != 1 {
		t.Errorf("got closed %t and %t, %d open, want the one that was idle longer closed", conns[0].closed, conns[1].closed, r.state.open)
	}
}

// Idle connections are closed when their time is over, and never if there is no limit;
// one that was used since the last look is not idle.
func TestIdleSharedConnection(t *testing.T) {
	for _, tc := range []struct {
		name  string
		idle  time.Duration
		used  bool
		close bool
	}{
		{"at its end", time.Minute, false, true},
		{"used meanwhile", time.Minute, true, false},
		{"no limit", 0, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, messages.PoolLimits{Max: 1, Waiters: 1, TTL: time.Hour, IdleTimeout: tc.idle})
			c := new(shared)
			r.acquire(1, messages.Acquire{})
			r.succeed(c)
			if r.Due == 0 {
				t.Fatal("got no timer for an open connection")
			}
			if tc.used {
				c.begun++
			}
			r.At = r.At.Add(time.Minute)
			r.tell(messages.Tend{})
			if c.closed != tc.close {
				t.Errorf("got it closed: %t, want %t", c.closed, tc.close)
			}
		})
	}
}

// A retired pool closes what is returned to it and what its dials bring, and answers
// everybody who waits.
func TestRetiredPool(t *testing.T) {
	for name, c := range map[string]transport.Conn{"exclusive": new(exclusive), "shared": new(shared)} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, messages.PoolLimits{Size: 1, Max: 1, Waiters: 1})
			r.acquire(1, messages.Acquire{})
			r.tell(messages.Retire{})
			if got := r.leased(t, 1); got.Err == nil {
				t.Errorf("got %+v, want an error", got)
			}
			if r.cancels != 1 || r.Pool.Gone() {
				t.Errorf("got %d dials cancelled and a pool that is gone: %t, want the one that runs, and that it is waited for", r.cancels, r.Pool.Gone())
			}
			r.succeed(c)
			if r.state.open != 0 || !r.Pool.Gone() || r.Pool.Stats.Discarded.Load() != 1 {
				t.Errorf("got %d open connections and %d closed, want 0 and 1", r.state.open, r.Pool.Stats.Discarded.Load())
			}
		})
	}
}
