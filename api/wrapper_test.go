// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/metadata"
	"example.com/mailcall/registry"
	"example.com/mailcall/rpcerr"
)

// trail records the order in which wrappers are passed.
type trail struct{ steps []string }

func (r *trail) note(step string) { r.steps = append(r.steps, step) }

func (r *trail) call(name string) api.CallWrapper {
	return func(next api.CallFunc) api.CallFunc {
		return func(ctx context.Context, n *registry.Node, req api.Request, rsp any, o api.CallOptions) error {
			r.note(name)
			defer r.note("/" + name)
			return next(ctx, n, req, rsp, o)
		}
	}
}

type noting struct {
	api.Client
	trail *trail
	name  string
}

func (n noting) Call(ctx context.Context, req api.Request, rsp any, opts ...api.CallOption) error {
	n.trail.note(n.name)
	defer n.trail.note("/" + n.name)
	return n.Client.Call(ctx, req, rsp, opts...)
}

func (r *trail) client(name string) api.Wrapper {
	return func(next api.Client) api.Client { return noting{next, r, name} }
}

// The first wrapper given is outermost: those of the client around the call,
// call wrappers around each attempt, the client's before the call's.
func TestWrapperOrder(t *testing.T) {
	server := mailcalltest.Start(t)
	r := new(trail)
	c := start(t, api.WithAddress(server.Address()), api.WithIdempotent(true), api.WithBackoffBounds(0, 0),
		api.WithWrapper(r.client("A")), api.WithWrapper(r.client("B")),
		api.WithCallWrapper(r.call("a"), r.call("b")))
	server.SetScript(mailcalltest.Script{mailcalltest.Close()})
	if err := greetAnn(within(t), c, api.WithCallWrapper(r.call("c"))); err != nil {
		t.Fatal(err)
	}
	want := "A B a b c /c /b /a a b c /c /b /a /B /A"
	if got := strings.Join(r.steps, " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A wrapper that makes no client is a fault of the options: without it, what is
// inside of it would be left out as well.
func TestWrapperWithoutClient(t *testing.T) {
	same := func(next api.Client) api.Client { return next }
	for word, w := range map[string]api.Wrapper{
		"Wrappers: 2 of 3":       func(api.Client) api.Client { return nil },
		"Wrappers: 2 of 3 retur": func(api.Client) api.Client { return (*api.Caller)(nil) },
		"as ordered":             func(api.Client) api.Client { panic("as ordered") },
	} {
		if made, err := api.New(api.WithWrapper(same, w, same)); err == nil || !strings.Contains(err.Error(), word) || made != nil {
			t.Errorf("New: got %v, want a fault that says %q", err, word)
		}
		c := start(t)
		before := c.Explain()
		if err := c.Init(api.WithWrapper(same, w, same)); err == nil || !strings.Contains(err.Error(), word) || c.Explain() != before {
			t.Errorf("Init: got %v, want a fault that says %q, and no change", err, word)
		}
	}
}

// A wrapper may look at the client that it is given.
func TestWrapperMayUseItsClient(t *testing.T) {
	var name, contentType string
	start(t, api.WithName("looked-at"), api.WithWrapper(func(next api.Client) api.Client {
		name, contentType = next.Options().Name, next.NewRequest("greeter", hello, nil).ContentType()
		return next
	}))
	if name != "looked-at" || contentType != "application/protobuf" {
		t.Errorf("got name %q and content type %q, want those of the client", name, contentType)
	}
}

// A wrapper that changes options while it is applied gets an error; later it may.
func TestWrapperMayNotCallInitWhileApplied(t *testing.T) {
	var inner api.Client
	var early error
	wrap := func(next api.Client) api.Client {
		inner, early = next, next.Init(api.WithRetries(1))
		return next
	}
	c := start(t, api.WithWrapper(wrap))
	if early == nil {
		t.Error("got no error from Init in a wrapper, want one")
	}
	if err := inner.Init(api.WithRetries(1)); err != nil || early == nil {
		t.Errorf("got %v and %v in the wrapper, want an error there only", err, early)
	}
	if got := c.Options().CallOptions.Retries; got != 1 {
		t.Errorf("got %d retries, want 1", got)
	}
}

// A wrapper that is given to Init takes effect (go-micro forgets it).
func TestInitTakesWrappers(t *testing.T) {
	server := mailcalltest.Start(t)
	r := new(trail)
	c := start(t, api.WithAddress(server.Address()))
	if err := c.Init(api.WithWrapper(r.client("A")), api.WithCallWrapper(r.call("a"))); err != nil {
		t.Fatal(err)
	}
	if err := greetAnn(within(t), c); err != nil {
		t.Fatal(err)
	}
	if want := []string{"A", "a", "/a", "/A"}; !slices.Equal(r.steps, want) {
		t.Errorf("got %v, want %v", r.steps, want)
	}
}

// A call wrapper may change the context, answer by itself, and turn the
// result around.
func TestCallWrapperPowers(t *testing.T) {
	server := mailcalltest.Start(t)
	c := start(t, api.WithAddress(server.Address()))
	wrap := func(f func(ctx context.Context, next func(context.Context) error) error) api.CallOption {
		return api.WithCallWrapper(func(next api.CallFunc) api.CallFunc {
			return func(ctx context.Context, n *registry.Node, req api.Request, rsp any, o api.CallOptions) error {
				return f(ctx, func(ctx context.Context) error { return next(ctx, n, req, rsp, o) })
			}
		})
	}
	mine := errors.New("mine")
	for _, tc := range []struct {
		name  string
		with  api.CallOption
		want  error
		calls int
	}{
		{"metadata", wrap(func(ctx context.Context, next func(context.Context) error) error {
			return next(metadata.Set(ctx, "Trace", "1"))
		}), nil, 1},
		{"answers itself", wrap(func(context.Context, func(context.Context) error) error { return nil }), nil, 0},
		{"refuses", wrap(func(context.Context, func(context.Context) error) error { return mine }), mine, 0},
		{"spoils", wrap(func(ctx context.Context, next func(context.Context) error) error {
			return errors.Join(next(ctx), mine)
		}), mine, 1},
		{"forgives", wrap(func(ctx context.Context, next func(context.Context) error) error {
			if err := next(ctx); err == nil {
				return mine
			}
			return nil
		}), mine, 1},
	} {
		before := server.Calls("Greeter.Echo")
		err := greetAt(t, c, "greeter", "Greeter.Echo", tc.with)
		if !errors.Is(err, tc.want) {
			t.Errorf("%s: got %v, want %v", tc.name, err, tc.want)
		}
		if tc.want != nil {
			mailcalltest.AssertAttempts(t, err, 1)
		}
		if got := server.Calls("Greeter.Echo") - before; got != tc.calls {
			t.Errorf("%s: got %d calls, want %d", tc.name, got, tc.calls)
		}
	}
	if got := server.Connections(); got != 1 {
		t.Errorf("got %d connections, want 1", got)
	}
}

// Next is for one use: a second would send the request twice.
func TestCallWrapperCallsNextOnce(t *testing.T) {
	server := mailcalltest.Start(t)
	c := start(t, api.WithAddress(server.Address()))
	err := greetAnn(within(t), c, api.WithCallWrapper(func(next api.CallFunc) api.CallFunc {
		return func(ctx context.Context, n *registry.Node, req api.Request, rsp any, o api.CallOptions) error {
			if err := next(ctx, n, req, rsp, o); err != nil {
				return err
			}
			return next(ctx, n, req, rsp, o)
		}
	}))
	if err == nil || errors.Is(err, rpcerr.ErrPanic) || !strings.Contains(err.Error(), "twice") {
		t.Errorf("got %v, want an error that says twice", err)
	}
	mailcalltest.AssertCalls(t, server, hello, 1)
}
