// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"example.com/mailcall/transport"
)

// A lone caller reads its replies itself, one call after the other.
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

// A leader also reads for callers that began later; when it leaves, the listener reads for
// them.
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

// A leader that is nudged without a reason continues.
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

// A leader whose reply takes long is relieved at the second tick, so that it can wait for
// more than the connection.
func TestLeaderIsRelieved(t *testing.T) {
	h := holding(t)
	c, _ := ledConn(t, h.address)
	who := newCaller()
	over := leads(t, c, who)
	c.checkLeader()
	eventually(t, "it still does", func() bool { return c.reading && c.leader != 0 }, c)
	c.checkLeader()
	if <-over {
		t.Error("got true from Lead, want false: nothing has woken it")
	}
	h.release()
	who.got(t, c, 0, "hold")
	eventually(t, "the listener reads", func() bool { return !c.resting }, c)
}

// The listener resumes if no call follows, and if an appointed leader does not lead.
func TestListenerComesBack(t *testing.T) {
	h := holding(t)
	c, _ := ledConn(t, h.address)
	c.checkLeader()
	eventually(t, "the listener reads", func() bool { return !c.resting }, c)

	c, _ = ledConn(t, h.address)
	who := newCaller()
	lead := beginLead(t, c, who, "late")
	c.checkLeader()
	c.checkLeader()
	who.got(t, c, 0, "late")
	if c.Lead(lead, who.wake) {
		t.Error("got true from Lead, want false: it was given up")
	}
}

// If an exchange begins without a leader, the listener resumes.
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

// The receiver of a lone stream leads, and the stream ends as usual.
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

// The end of a connection is reported, whichever goroutine reads it.
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
			// The server has closed the connection before: nothing may be sent.
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

// Each caller gets its own reply, while callers lead, follow, cancel, open streams and are
// nudged.
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
