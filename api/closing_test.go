// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"errors"
	"testing"

	"example.com/mailcall/api"
	"example.com/mailcall/broker/memory"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/registry"
	"example.com/mailcall/registry/static"
	"example.com/mailcall/rpcerr"
)

// Close refuses new calls at once, also while it waits for a stream.
func TestCloseRefusesCallsWhileAStreamIsOpen(t *testing.T) {
	server := mailcalltest.Start(t)
	c := start(t, api.WithAddress(server.Address()))
	s, err := c.Stream(within(t), c.NewRequest("greeter", "Greeter.Bidi", &greet.HelloRequest{Name: "Ann"}))
	if err != nil {
		t.Fatal(err)
	}
	patient, cancel := context.WithCancel(t.Context())
	cut := make(chan int, 1)
	go func() { cut <- c.Close(patient) }()
	until(t, "calls to be refused", func() bool { return errors.Is(greetAnn(within(t), c), rpcerr.ErrClosed) })
	if err := s.Error(); err != nil {
		t.Errorf("got %v, want the stream to be open still", err)
	}
	cancel()
	if got := await(t, "the end of Close", cut); got != 1 {
		t.Errorf("got %d cut, want the stream", got)
	}
}

// A stream that is being opened when the client is closed says so.
func TestCloseCutsAnOpening(t *testing.T) {
	r := gated{static.New("greeter", "127.0.0.1:1"), make(chan struct{}, 10), make(chan struct{})}
	c := start(t, api.WithRegistry(r), api.WithRequestTimeout(0))
	result := make(chan error, 1)
	go func() {
		_, err := c.Stream(context.Background(), c.NewRequest("greeter", "Greeter.Bidi", nil))
		result <- err
	}()
	await(t, "the lookup", r.asked)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	c.Close(over)
	if err := await(t, "the end of the opening", result); !errors.Is(err, rpcerr.ErrClosed) {
		t.Errorf("got %v, want %v", err, rpcerr.ErrClosed)
	}
}

// Without a context nobody waits, and whatever is in flight is told why.
func TestCloseWithoutAContext(t *testing.T) {
	server := mailcalltest.Start(t)
	c := start(t, api.WithAddress(server.Address()), api.WithRequestTimeout(0), api.WithAttemptTimeout(0))
	if err := greetAnn(within(t), c); err != nil {
		t.Fatal(err)
	}
	server.Pause()
	defer server.Resume()
	result := make(chan error, 1)
	go func() { result <- greetAnn(context.Background(), c) }()
	until(t, "the call to be in flight", func() bool { return len(c.Runtime().Snapshot().Calls) == 1 })
	for range 2 {
		if cut := c.Close(nil); cut != 1 { //nolint:staticcheck // what a user may do as well
			t.Errorf("got %d cut, want the call", cut)
		}
	}
	if err := await(t, "the end of the call", result); !errors.Is(err, rpcerr.ErrClosed) {
		t.Errorf("got %v, want %v", err, rpcerr.ErrClosed)
	}
}

var errEnough = errors.New("enough of it")

// The cause of a cancelled context is in the error.
func TestCauseOfACancel(t *testing.T) {
	server := mailcalltest.Start(t)
	server.Pause()
	defer server.Resume()
	c := start(t, api.WithAddress(server.Address()))
	ctx, cancel := context.WithCancelCause(t.Context())
	result := make(chan error, 1)
	go func() { result <- greetAnn(ctx, c) }()
	until(t, "the request", func() bool { return server.Calls(hello) == 1 })
	cancel(errEnough)
	rsp := new(greet.HelloReply)
	_, stream := c.Stream(ctx, c.NewRequest("greeter", "Greeter.Bidi", nil))
	for name, err := range map[string]error{
		"in flight": await(t, "the end of the call", result),
		"before":    c.Call(ctx, c.NewRequest("greeter", hello, &greet.HelloRequest{}), rsp),
		"stream":    stream,
		"publish":   start(t, api.WithBroker(memory.New())).Publish(ctx, c.NewMessage("topic", &greet.HelloRequest{})),
	} {
		if !errors.Is(err, errEnough) || !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want both %v and %v", name, err, context.Canceled, errEnough)
		}
	}
}

// ended is a context of another kind, which ends with an error of its own.
type ended struct {
	context.Context
	done chan struct{}
}

func (e ended) Done() <-chan struct{} { return e.done }

func (e ended) Err() error {
	select {
	case <-e.done:
		return errEnough
	default:
		return nil
	}
}

// An end that is neither a cancel nor a deadline is not taken for a bound that
// was not reached.
func TestContextWithAnErrorOfItsOwn(t *testing.T) {
	server := mailcalltest.Start(t)
	server.Pause()
	defer server.Resume()
	c := start(t, api.WithAddress(server.Address()))
	ctx := ended{context.Background(), make(chan struct{})}
	result := make(chan error, 1)
	go func() { result <- greetAnn(ctx, c) }()
	until(t, "the request", func() bool { return server.Calls(hello) == 1 })
	close(ctx.done)
	for _, err := range []error{await(t, "the end of the call", result), greetAnn(ctx, c)} {
		if !errors.Is(err, errEnough) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %v", err, errEnough)
		}
	}
}

// byName is a registry that cannot be compared.
type byName map[string]string

func (b byName) Lookup(ctx context.Context, service string) ([]*registry.Service, error) {
	return static.New(service, b[service]).Lookup(ctx, service)
}

func (b byName) Watch(ctx context.Context, _ string, _ func([]*registry.Service)) error {
	<-ctx.Done()
	return ctx.Err()
}

func (byName) String() string { return "byName" }

// Init works with a registry that cannot be compared, and sees another one.
func TestInitWithARegistryThatCannotBeCompared(t *testing.T) {
	server := mailcalltest.Start(t)
	c := start(t, api.WithRegistry(byName{"greeter": server.Address()}))
	if err := c.Init(api.WithRetries(1)); err != nil {
		t.Fatal(err)
	}
	if err := greetAnn(within(t), c); err != nil {
		t.Error(err)
	}
	if err := c.Init(api.WithRegistry(byName{})); err == nil {
		t.Error("got no error for another registry, want one")
	}
}

// A call wrapper that takes its time, or sets a bound of its own, leaves the
// service less, and the service is told so.
func TestServiceIsToldTheTimeThatAWrapperLeaves(t *testing.T) {
	server := mailcalltest.Start(t)
	for name, wrap := range map[string]func(context.Context) (context.Context, context.CancelFunc){
		"takes its time": func(ctx context.Context) (context.Context, context.CancelFunc) {
			pause, cancel := context.WithTimeout(ctx, shortly)
			<-pause.Done()
			cancel()
			return ctx, func() {}
		},
		"sets a bound": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, patience-shortly)
		},
	} {
		c := start(t, api.WithAddress(server.Address()), api.WithRequestTimeout(patience), api.WithAttemptTimeout(0),
			api.WithCallWrapper(func(next api.CallFunc) api.CallFunc {
				return func(ctx context.Context, n *registry.Node, req api.Request, rsp any, o api.CallOptions) error {
					ctx, cancel := wrap(ctx)
					defer cancel()
					return next(ctx, n, req, rsp, o)
				}
			}))
		if err := greetAnn(context.Background(), c); err != nil {
			t.Fatal(err)
		}
		if got := server.Endpoint(hello).LastTimeout; got <= 0 || got > patience-shortly {
			t.Errorf("%s: the server was told %s, want %s at most", name, got, patience-shortly)
		}
	}
}
