// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/transport"
)

const longest = 20 * time.Second

// still is a clock that is moved by hand and on which no timer fires.
type still struct{ hands }

func (*still) Timer(func()) clock.Timer { return unarmed{} }

type unarmed struct{}

func (unarmed) Reset(clock.Instant) {}
func (unarmed) Stop()               {}

// caller waits for one reply at a time, as a call does.
type caller struct {
	wake chan struct{}
	body string
	err  error
}

func newCaller() *caller { return &caller{wake: make(chan struct{}, 1)} }

func (c *caller) Deliver(_ uint64, m *transport.Message, loan transport.Loan, err error) {
	c.body, c.err = "", err
	if m != nil {
		c.body = string(m.Body)
	}
	if loan != nil {
		loan.Return()
	}
	c.wake <- struct{}{}
}

func (c *caller) wait(t *testing.T) {
	t.Helper()
	select {
	case <-c.wake:
	case <-time.After(longest):
		t.Fatal("nothing was delivered")
	}
}

// got waits for the reply, by leading if lead is not 0, and checks it.
func (c *caller) got(t *testing.T, on *conn, lead uint64, want string) {
	t.Helper()
	if lead == 0 || !on.Lead(lead, c.wake) {
		c.wait(t)
	}
	if c.err != nil || c.body != want {
		t.Errorf("got %q, %v, want %q", c.body, c.err, want)
	}
}

// held is a server that echoes, but answers "hold" only when it is let go.
type held struct {
	address string
	server  *Server
	letGo   chan struct{}
	once    sync.Once
}

func (h *held) release() { h.once.Do(func() { close(h.letGo) }) }

func holding(t *testing.T) *held {
	t.Helper()
	h := &held{letGo: make(chan struct{})}
	var err error
	h.server, err = NewServer(ServerConfig{Handler: func(req *Request, reply *Reply) {
		if string(req.Body) == "hold" {
			<-h.letGo
		}
		reply.Body = append(reply.Body, req.Body...)
	}})
	if err != nil {
		t.Fatal(err)
	}
	h.address = served(t, h.server)
	t.Cleanup(h.release)
	return h
}

// served has a server listen until the test ends.
func served(t *testing.T, s *Server) (address string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		_ = s.Serve(ln) // it ends with Close
	}()
	t.Cleanup(func() {
		s.Close()
		<-over
	})
	return ln.Addr().String()
}

// ledConn returns a connection whose listener rests, and its clock.
func ledConn(t *testing.T, address string, opts ...Option) (*conn, *still) {
	t.Helper()
	tr, err := New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	hand := &still{hands{Clock: tr.clock}}
	tr.clock = hand
	ctx, cancel := context.WithTimeout(t.Context(), longest)
	defer cancel()
	dialled, err := tr.Dial(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dialled.Close() })
	c, _ := dialled.(*conn)
	for range loneStreak {
		who := newCaller()
		if _, err := c.Begin(text("alone"), who, 1); err != nil {
			t.Fatal(err)
		}
		who.got(t, c, 0, "alone")
	}
	eventually(t, "the listener rests", func() bool { return c.resting }, c)
	return c, hand
}

// eventually waits until what is guarded by the lock of c is so.
func eventually(t *testing.T, what string, is func() bool, c *conn) {
	t.Helper()
	for begun := time.Now(); ; runtime.Gosched() {
		c.mu.Lock()
		so := is()
		c.mu.Unlock()
		if so {
			return
		}
		if time.Since(begun) > longest {
			t.Fatalf("got no end of the wait until %s", what)
		}
	}
}

func text(body string) *transport.Message { return &transport.Message{Body: []byte(body)} }

// beginLead begins an exchange that is to be led.
func beginLead(t *testing.T, c *conn, who *caller, body string) (lead uint64) {
	t.Helper()
	_, lead, err := c.BeginLead(text(body), who, 1)
	if err != nil || lead == 0 {
		t.Fatalf("got lead %d, %v, want one", lead, err)
	}
	return lead
}

// leads begins an exchange that is not answered yet, and leads it on another
// goroutine. What Lead returns is told.
func leads(t *testing.T, c *conn, who *caller) (over <-chan bool) {
	t.Helper()
	lead, told := beginLead(t, c, who, "hold"), make(chan bool, 1)
	go func() { told <- c.Lead(lead, who.wake) }()
	eventually(t, "somebody leads", func() bool { return c.reading }, c)
	return told
}

// Who calls alone reads its reply itself, one call after the other.
func TestLeaderReadsItsReply(t *testing.T) {
	c, _ := ledConn(t, holding(t).address)
	for n := range 100 {
		who, body := newCaller(), strconv.Itoa(n)
		lead := beginLead(t, c, who, body)
		if !c.Lead(lead, who.wake) {
			t.Fatal("got false from Lead, want true: nobody else reads")
		}
		if who.err != nil || who.body != body {
			t.Errorf("got %q, %v, want %q", who.body, who.err, body)
		}
	}
}

// A leader reads for those as well that came later, and when it goes the
// listener reads for them.
func TestLeaderReadsForAll(t *testing.T) {
	h := holding(t)
	c, _ := ledConn(t, h.address)
	leader, follower, waiter := newCaller(), newCaller(), newCaller()
	over := leads(t, c, leader)
	if _, second, err := c.BeginLead(text("follower"), follower, 1); second != 0 || err != nil {
		t.Fatalf("got lead %d, %v, want 0: somebody leads", second, err)
	}
	follower.got(t, c, 0, "follower")
	if _, err := c.Begin(text("hold"), waiter, 1); err != nil {
		t.Fatal(err)
	}
	leader.wake <- struct{}{} // its call is over for another reason
	c.Nudge()
	if !<-over {
		t.Error("got false from Lead, want true: it was woken")
	}
	h.release()
	waiter.got(t, c, 0, "hold")
	leader.got(t, c, 0, "hold")
}

// A leader that is nudged for nothing goes on.
func TestNudgeForNothing(t *testing.T) {
	for _, ping := range []time.Duration{0, DefaultPing} {
		t.Run(ping.String(), func(t *testing.T) {
			h := holding(t)
			c, _ := ledConn(t, h.address, WithPing(ping))
			c.Nudge() // nobody leads
			who := newCaller()
			over := leads(t, c, who)
			for range 3 {
				eventually(t, "somebody leads", func() bool { return c.reading && !c.nudged }, c)
				c.Nudge()
			}
			h.release()
			if !<-over {
				t.Error("got false from Lead, want true: its reply has come")
			}
			if who.err != nil || who.body != "hold" {
				t.Errorf("got %q, %v, want hold", who.body, who.err)
			}
		})
	}
}

// A leader whose reply takes its time is relieved at the second tick, and may
// look at more than the connection from then on.
func TestLeaderIsRelieved(t *testing.T) {
	h := holding(t)
	c, _ := ledConn(t, h.address)
	who := newCaller()
	over := leads(t, c, who)
	c.look()
	eventually(t, "it still does", func() bool { return c.reading && c.leader != 0 }, c)
	c.look()
	if <-over {
		t.Error("got true from Lead, want false: nothing has woken it")
	}
	h.release()
	who.got(t, c, 0, "hold")
	eventually(t, "the listener reads", func() bool { return !c.resting }, c)
}

// The listener comes back when no call follows, and when who wanted to lead does
// not.
func TestListenerComesBack(t *testing.T) {
	h := holding(t)
	c, _ := ledConn(t, h.address)
	c.look()
	eventually(t, "the listener reads", func() bool { return !c.resting }, c)

	c, _ = ledConn(t, h.address)
	who := newCaller()
	lead := beginLead(t, c, who, "late")
	c.look()
	c.look()
	who.got(t, c, 0, "late")
	if c.Lead(lead, who.wake) {
		t.Error("got true from Lead, want false: it was given up")
	}
}

// Whoever begins something and does not lead has the listener read.
func TestListenerIsRecalled(t *testing.T) {
	h := holding(t)
	for name, begin := range map[string]func(*conn) error{
		"an exchange": func(c *conn) error {
			who := newCaller()
			_, err := c.Begin(text("plain"), who, 1)
			who.got(t, c, 0, "plain")
			return err
		},
		"a stream": func(c *conn) error {
			s, err := c.Open(t.Context(), time.Time{}, text(""))
			if err != nil {
				return err
			}
			defer func() { _ = s.Close() }()
			var m transport.Message
			if err := s.Recv(&m); err == nil {
				return errors.New("a server without streams has served one")
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := ledConn(t, h.address)
			if err := begin(c); err != nil {
				t.Error(err)
			}
		})
	}
}

// A stream that is alone is led by who receives from it, and ends as ever.
func TestStreamIsLed(t *testing.T) {
	server, err := NewServer(ServerConfig{
		Handler: func(*Request, *Reply) {},
		Streams: func(x transport.Incoming) {
			var m transport.Message
			for err := x.Recv(&m); err == nil; err = x.Recv(&m) {
				_ = x.Send(&m) // the next Recv says it as well
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	tr, err := New()
	if err != nil {
		t.Fatal(err)
	}
	tr.clock = &still{hands{Clock: tr.clock}}
	dialled, err := tr.Dial(t.Context(), served(t, server))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dialled.Close() }()
	c, _ := dialled.(*conn)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s, err := c.Open(ctx, time.Time{}, text(""))
	if err != nil {
		t.Fatal(err)
	}
	var m transport.Message
	led := func() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.resting }
	for n := 0; n < 100 || !led(); n++ {
		body := strconv.Itoa(n)
		if err := s.Send(text(body)); err != nil {
			t.Fatal(err)
		}
		if err := s.Recv(&m); err != nil || string(m.Body) != body {
			t.Fatalf("got %q, %v, want %q", m.Body, err, body)
		}
	}
	over := make(chan error, 1)
	go func() { over <- s.Recv(new(transport.Message)) }()
	eventually(t, "somebody leads", func() bool { return c.reading }, c)
	cancel()
	if err := <-over; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	_ = s.Close()
}

// The end of a connection is told whoever reads it.
func TestEndOfALedConnection(t *testing.T) {
	t.Run("while it is led", func(t *testing.T) {
		h := holding(t)
		c, _ := ledConn(t, h.address)
		who := newCaller()
		over := leads(t, c, who)
		go h.server.Close()
		if !<-over {
			who.wait(t)
		}
		if who.err == nil || c.Ready(0) {
			t.Errorf("got %v and ready %t, want an error and not ready", who.err, c.Ready(0))
		}
	})
	for name, begin := range map[string]func(*conn) error{
		"while nobody reads, a call": func(c *conn) error {
			_, _, err := c.BeginLead(text("late"), newCaller(), 1)
			return err
		},
		"while nobody reads, a stream": func(c *conn) error {
			_, err := c.Open(t.Context(), time.Time{}, text("late"))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := holding(t)
			c, hand := ledConn(t, h.address)
			h.server.Close()
			hand.now.Add(int64(lookAfter + 1))
			// The server was gone before it: nothing may be sent.
			if err := begin(c); !errors.Is(err, transport.ErrNotSent) && !errors.Is(err, transport.ErrFull) {
				t.Errorf("got %v, want transport.ErrNotSent or transport.ErrFull", err)
			}
			eventually(t, "it has failed", func() bool { return c.err != nil }, c)
		})
	}
	t.Run("by its owner", func(t *testing.T) {
		h := holding(t)
		c, _ := ledConn(t, h.address)
		who := newCaller()
		over := leads(t, c, who)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if !<-over {
			who.wait(t)
		}
		if who.err == nil {
			t.Error("got no error, want one")
		}
	})
}

// Whoever leads, follows, gives up, opens streams or is nudged: each gets its own
// reply.
func TestLeadersAndFollowers(t *testing.T) {
	h := holding(t)
	tr, err := New()
	if err != nil {
		t.Fatal(err)
	}
	dialled, err := tr.Dial(t.Context(), h.address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dialled.Close() }()
	c, _ := dialled.(*conn)
	led := 0
	for crowd := range 4 {
		var wg sync.WaitGroup
		for range crowd + 1 {
			wg.Go(func() {
				for n := range 300 {
					who, body := newCaller(), fmt.Sprintf("%d/%d", crowd, n)
					_, lead, err := c.BeginLead(text(body), who, 1)
					if err != nil {
						t.Error(err)
						return
					}
					if lead != 0 && crowd == 0 {
						led++
					}
					if n%7 == 0 {
						c.Nudge()
					}
					who.got(t, c, lead, body)
				}
			})
		}
		wg.Wait()
	}
	if led == 0 {
		t.Log("the machine was too busy for anybody to lead")
	}
}
