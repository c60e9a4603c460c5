// SPDX-License-Identifier: Apache-2.0

package chaos_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/codec"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/registry"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/tests/internal/kit"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http"
)

// stage is a place in the life of a call where it can be made to stay.
type stage struct {
	name  string
	phase rpcerr.Phase
	proof rpcerr.Proof
	// hold prepares a client whose calls stay there. reached waits until the
	// call under test does.
	hold func(t *testing.T, v variant) (c *api.Caller, call func(context.Context) error, reached func())
}

// variant is one of the ways in which an exchange is carried.
type variant struct {
	name string
	bare bool // a connection that can do no more than the contract demands
	opts []api.CallOption
}

func variants() []variant {
	through := func(next api.CallFunc) api.CallFunc { return next }
	return []variant{
		{name: "inline"},
		{name: "aside", opts: []api.CallOption{api.WithHedge(time.Hour), api.WithIdempotent(true)}},
		{name: "bare", bare: true},
		{name: "wrapped", opts: []api.CallOption{api.WithCallWrapper(through)}},
		{name: "wrapped bare", bare: true, opts: []api.CallOption{api.WithCallWrapper(through)}},
	}
}

// client starts a client that never gives up by itself.
func (v variant) client(t *testing.T, over transport.Transport, opts ...api.Option) *api.Caller {
	t.Helper()
	if v.bare {
		over = kit.Bare{Transport: over}
	}
	return kit.Start(t, append([]api.Option{
		api.WithTransport(over), api.WithAttemptTimeout(0), api.WithRequestTimeout(0), api.WithDialTimeout(time.Hour),
	}, opts...)...)
}

func overHTTP(t *testing.T, opts ...http.Option) transport.Transport {
	t.Helper()
	over, err := http.New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	return over
}

func stages() []stage {
	return []stage{
		{"pick", rpcerr.PhasePick, rpcerr.NotSent, holdPick},
		{"dial", rpcerr.PhaseDial, rpcerr.NotSent, holdDial},
		{"acquire", rpcerr.PhaseAcquire, rpcerr.NotSent, holdAcquire},
		{"send", rpcerr.PhaseSend, rpcerr.SentUnknown, holdSend},
		{"wait", rpcerr.PhaseWait, rpcerr.SentUnknown, holdWait},
		{"backoff", rpcerr.PhaseWait, rpcerr.SentUnknown, holdBackoff},
	}
}

// hanging is a registry that never answers.
type hanging struct{ asked chan struct{} }

func (h hanging) Lookup(ctx context.Context, _ string) ([]*registry.Service, error) {
	h.asked <- struct{}{}
	<-ctx.Done()
	return nil, ctx.Err()
}

func (hanging) Watch(ctx context.Context, _ string, _ func([]*registry.Service)) error {
	<-ctx.Done()
	return ctx.Err()
}

func (hanging) String() string { return "hanging" }

func holdPick(t *testing.T, v variant) (*api.Caller, func(context.Context) error, func()) {
	h := hanging{make(chan struct{}, 10)}
	c := v.client(t, overHTTP(t), api.WithRegistry(h))
	return c, caller(c, v), func() { kit.Await(t, "the lookup", h.asked) }
}

func holdDial(t *testing.T, v variant) (*api.Caller, func(context.Context) error, func()) {
	hole := kit.NewBlackHole()
	c := v.client(t, hole, api.WithAddress("somewhere:1"))
	return c, caller(c, v), func() { kit.Await(t, "the dial", hole.Dialling) }
}

func holdAcquire(t *testing.T, v variant) (*api.Caller, func(context.Context) error, func()) {
	g := kit.NewGate()
	server := mailcalltest.Start(t, g.Handler())
	c := v.client(t, overHTTP(t), api.WithAddress(server.Address()), api.WithPoolMax(1))
	first := make(chan error, 1)
	go func() { first <- kit.Call(context.Background(), c) }()
	kit.Await(t, "the call that has the connection", g.Hits)
	t.Cleanup(func() {
		g.Open()
		if err := kit.Await(t, "its answer", first); err != nil {
			t.Errorf("the call that had the connection: %v", err)
		}
		if err := kit.Call(kit.Within(t), c); err != nil {
			t.Errorf("a call afterwards: %v", err)
		}
		kit.Settled(t, c)
	})
	return c, caller(c, v), func() {
		kit.Until(t, "a waiter", func() bool { return kit.Pool(c).Waiters == 1 })
	}
}

func holdSend(t *testing.T, v variant) (*api.Caller, func(context.Context) error, func()) {
	const size = 6 << 20 // more than the buffers of a loopback socket hold
	s := kit.NewSink(t)
	c := v.client(t, overHTTP(t, http.WithMaxMessage(2*size)), api.WithAddress(s.Address))
	req := c.NewRequest("greeter", "Greeter.Raw", &codec.Frame{Data: make([]byte, size)},
		api.WithContentType("application/octet-stream"))
	return c, func(ctx context.Context) error {
		return c.Call(ctx, req, new(codec.Frame), v.opts...)
	}, func() { kit.Await(t, "the first byte", s.Begun) }
}

func holdWait(t *testing.T, v variant) (*api.Caller, func(context.Context) error, func()) {
	server := mailcalltest.Start(t)
	server.Pause() // a handler could answer in the moment of the deadline
	c := v.client(t, overHTTP(t), api.WithAddress(server.Address()))
	return c, caller(c, v), func() {
		kit.Until(t, "the request", func() bool { return server.Calls(kit.Hello) == 1 })
	}
}

func holdBackoff(t *testing.T, v variant) (*api.Caller, func(context.Context) error, func()) {
	server := mailcalltest.Start(t, mailcalltest.WithScript(mailcalltest.Script{mailcalltest.Close().Times(100)}))
	c := v.client(t, overHTTP(t), api.WithAddress(server.Address()))
	waits := make(chan struct{}, 10)
	call := func(ctx context.Context) error {
		long := func(context.Context, api.Request, int) (time.Duration, error) {
			waits <- struct{}{}
			return time.Hour, nil
		}
		return kit.Call(ctx, c, append(v.opts, api.WithIdempotent(true), api.WithBackoff(long))...)
	}
	return c, call, func() { kit.Await(t, "the backoff", waits) }
}

func caller(c *api.Caller, v variant) func(context.Context) error {
	return func(ctx context.Context) error { return kit.Call(ctx, c, v.opts...) }
}

// A caller that gives up is answered there and then, wherever its call is,
// and what the call had is given back.
func TestCancelAtEveryStage(t *testing.T) {
	for _, s := range stages() {
		for _, v := range variants() {
			t.Run(s.name+"/"+v.name, func(t *testing.T) {
				c, call, reached := s.hold(t, v)
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				over := make(chan error, 1)
				go func() { over <- call(ctx) }()
				reached()
				cancel()
				err := kit.Await(t, "the answer", over)
				if !errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v, want %v", err, context.Canceled)
				}
				s.check(t, err)
				s.settled(t, c)
			})
		}
	}
}

// A deadline ends a call wherever it is, and the error says where that was. A
// backoff is not among the places: one that would end after the deadline does
// not begin, see TestBackoffBeyondDeadline.
func TestDeadlineAtEveryStage(t *testing.T) {
	for _, s := range stages() {
		if s.name == "backoff" {
			continue
		}
		for _, v := range variants() {
			t.Run(s.name+"/"+v.name, func(t *testing.T) {
				c, call, _ := s.hold(t, v)
				ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
				defer cancel()
				err := call(ctx)
				if !errors.Is(err, context.DeadlineExceeded) || rpcerr.From(err).Code != 408 {
					t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
				}
				unconnected := s.phase == rpcerr.PhaseDial || s.phase == rpcerr.PhaseAcquire
				if said := strings.Contains(err.Error(), "before there was a connection"); said != unconnected {
					t.Errorf("got %v, want it to say whether there was a connection", err)
				}
				if full := strings.Contains(err.Error(), "(PoolMax)"); full != (s.phase == rpcerr.PhaseAcquire) {
					t.Errorf("got %v, want it to say whether the pool was full", err)
				}
				s.check(t, err)
				s.settled(t, c)
			})
		}
	}
}

// check looks for the stage in the log of the call.
func (s stage) check(t *testing.T, err error) {
	t.Helper()
	log := kit.Log(t, err)
	if s.name == "wait" && len(log) == 1 && log[0].Phase == rpcerr.PhaseSend {
		log[0].Phase = s.phase // the server has it all, but Send has not returned yet
	}
	if len(log) != 1 || log[0].Phase != s.phase || log[0].Proof != s.proof {
		t.Errorf("got %+v, want one attempt, phase %s and proof %s", log, s.phase, s.proof)
	}
}

// settled checks that the call holds nothing any more.
func (s stage) settled(t *testing.T, c *api.Caller) {
	t.Helper()
	if s.name != "acquire" { // there the first call goes on, see holdAcquire
		kit.Settled(t, c)
		return
	}
	kit.Until(t, "the waiter to be gone", func() bool { p := kit.Pool(c); return p.Waiters == 0 && p.Lent == 1 })
}

// A backoff that would end after the deadline is not waited for: the caller
// gets the failure at once, and why there was no other attempt.
func TestBackoffBeyondDeadline(t *testing.T) {
	for _, v := range variants() {
		t.Run(v.name, func(t *testing.T) {
			c, call, _ := holdBackoff(t, v)
			err := call(kit.Within(t))
			log := kit.Log(t, err)
			if !errors.Is(err, io.EOF) || len(log) != 1 || !strings.Contains(log[0].Decision, "deadline") {
				t.Errorf("got %+v, want one attempt that met EOF, and a decision about the deadline", log)
			}
			kit.Settled(t, c)
		})
	}
}
