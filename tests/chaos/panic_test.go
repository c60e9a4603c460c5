// SPDX-License-Identifier: Apache-2.0

package chaos_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/codec"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/messages"
	"example.com/mailcall/registry"
	"example.com/mailcall/registry/static"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/tests/internal/kit"
	"example.com/mailcall/transport"
)

// bomb panics once it is armed, and then never again.
type bomb struct {
	armed atomic.Bool
	leave bool // it ends the goroutine in place of a panic
}

const bang = "the user's code went off"

func (b *bomb) pass() {
	if b.armed.CompareAndSwap(true, false) {
		if b.leave {
			runtime.Goexit()
		}
		panic(bang)
	}
}

// bombCodec goes off where its flags say.
type bombCodec struct {
	codec.Codec
	*bomb
	marshal bool
}

func (c bombCodec) Marshal(v any) ([]byte, error) {
	if c.marshal {
		c.pass()
	}
	return c.Codec.Marshal(v)
}

func (c bombCodec) Unmarshal(data []byte, v any) error {
	if !c.marshal {
		c.pass()
	}
	return c.Codec.Unmarshal(data, v)
}

// bombTransport goes off in one of its methods.
type bombTransport struct {
	transport.Transport
	*bomb
	method string
}

func (b bombTransport) at(method string) {
	if b.method == method {
		b.pass()
	}
}

func (b bombTransport) Multiplexed() bool {
	b.at("multiplexed")
	return false
}

func (b bombTransport) Dial(ctx context.Context, address string) (transport.Conn, error) {
	b.at("dial")
	c, err := b.Transport.Dial(ctx, address)
	if err != nil {
		return nil, err
	}
	if x, ok := c.(transport.Exclusive); ok && !strings.HasPrefix(b.method, "bare ") {
		return exclusiveBomb{x, b}, nil
	}
	return bareBomb{c, b}, nil
}

type bareBomb struct {
	transport.Conn
	bomb bombTransport
}

func (c bareBomb) Send(m *transport.Message) error { c.bomb.at("bare send"); return c.Conn.Send(m) }

func (c bareBomb) Recv(m *transport.Message) error { c.bomb.at("bare recv"); return c.Conn.Recv(m) }

type exclusiveBomb struct {
	transport.Exclusive
	bomb bombTransport
}

func (c exclusiveBomb) Send(m *transport.Message) error {
	c.bomb.at("send")
	return c.Exclusive.Send(m)
}

func (c exclusiveBomb) Recv(m *transport.Message) error {
	c.bomb.at("recv")
	return c.Exclusive.Recv(m)
}

func (c exclusiveBomb) Bind(ctx context.Context, at time.Time) {
	c.bomb.at("bind")
	c.Exclusive.Bind(ctx, at)
}

func (c exclusiveBomb) Interrupt() {
	c.bomb.at("interrupt")
	c.Exclusive.Interrupt()
}

func (c exclusiveBomb) Ready(idle time.Duration) bool {
	c.bomb.at("ready")
	return c.Exclusive.Ready(idle)
}

func (c exclusiveBomb) Close() error { c.bomb.at("close"); return c.Exclusive.Close() }

// bombRegistry goes off when it is asked.
type bombRegistry struct {
	registry.Registry
	*bomb
}

func (r bombRegistry) Lookup(ctx context.Context, service string) ([]*registry.Service, error) {
	r.pass()
	return r.Registry.Lookup(ctx, service)
}

type bombPicker struct{ *bomb }

func (p bombPicker) Pick(ready, _ []*messages.Node, _ messages.Dice) *messages.Node {
	p.pass()
	return ready[0]
}

type panicRow struct {
	name  string
	opts  []api.CallOption                                         // for the call that panics
	build func(t *testing.T, b *bomb, address string) []api.Option // for the client
}

func panicRows() []panicRow {
	var rows []panicRow
	for _, method := range []string{"multiplexed", "dial", "bind", "send", "recv", "bare send", "bare recv"} {
		build := func(t *testing.T, b *bomb, address string) []api.Option {
			return []api.Option{api.WithTransport(bombTransport{overHTTP(t), b, method}), api.WithAddress(address)}
		}
		rows = append(rows, panicRow{name: "transport " + method, build: build},
			panicRow{name: "transport " + method + " under a call wrapper", build: build, opts: []api.CallOption{
				api.WithCallWrapper(func(next api.CallFunc) api.CallFunc { return next })}},
			panicRow{name: "transport " + method + " beside", build: build, opts: []api.CallOption{
				api.WithHedge(time.Hour), api.WithIdempotent(true), api.WithRetry(api.RetryNever), api.WithRetries(1)}})
	}
	for name, marshal := range map[string]bool{"marshal": true, "unmarshal": false} {
		rows = append(rows, panicRow{name: "codec " + name, build: func(_ *testing.T, b *bomb, address string) []api.Option {
			return []api.Option{
				api.WithCodec("application/protobuf", bombCodec{api.DefaultOptions().Codecs["application/protobuf"], b, marshal}),
				api.WithAddress(address),
			}
		}})
	}
	return append(rows,
		panicRow{name: "registry", build: func(_ *testing.T, b *bomb, address string) []api.Option {
			return []api.Option{api.WithRegistry(bombRegistry{static.New("greeter", address), b})}
		}},
		panicRow{name: "filter of the client", build: func(_ *testing.T, b *bomb, address string) []api.Option {
			return []api.Option{api.WithAddress(address), api.WithFilter(b.filter)}
		}},
		panicRow{name: "strategy of the client", build: func(_ *testing.T, b *bomb, address string) []api.Option {
			return []api.Option{api.WithAddress(address), api.WithStrategy(bombPicker{b})}
		}},
	)
}

func (b *bomb) filter(s []*registry.Service) []*registry.Service {
	b.pass()
	return s
}

// A panic in user code fails the one call that met it, with the stack in its
// error; the client goes on, and nothing is lent for ever.
func TestPanicsAreContained(t *testing.T) {
	for _, tc := range panicRows() {
		t.Run(tc.name, func(t *testing.T) {
			b := new(bomb)
			server := mailcalltest.Start(t)
			c := kit.Start(t, append(tc.build(t, b, server.Address()), api.WithRetries(0))...)
			b.armed.Store(true)
			contained(t, kit.Call(kit.Within(t), c, tc.opts...))
			goesOn(t, c, b)
		})
	}
}

// The same for code that a call brings with it.
func TestPanicsOfCallOptionsAreContained(t *testing.T) {
	for name, option := range map[string]func(*bomb) api.CallOption{
		"strategy": func(b *bomb) api.CallOption { return api.WithStrategy(bombPicker{b}) },
		"filter":   func(b *bomb) api.CallOption { return api.WithFilter(b.filter) },
		"retry function": func(b *bomb) api.CallOption {
			return api.WithRetry(func(context.Context, api.Request, int, error) (bool, error) { b.pass(); return true, nil })
		},
		"backoff function": func(b *bomb) api.CallOption {
			return api.WithBackoff(func(context.Context, api.Request, int) (time.Duration, error) { b.pass(); return 0, nil })
		},
		"call wrapper before": func(b *bomb) api.CallOption { return api.WithCallWrapper(b.wrap(true)) },
		"call wrapper after":  func(b *bomb) api.CallOption { return api.WithCallWrapper(b.wrap(false)) },
	} {
		t.Run(name, func(t *testing.T) {
			b := new(bomb)
			server := mailcalltest.Start(t)
			c := kit.Start(t, api.WithAddress(server.Address()))
			if strings.HasSuffix(name, "function") {
				server.SetScript(mailcalltest.Script{mailcalltest.Close()})
			}
			b.armed.Store(true)
			contained(t, kit.Call(kit.Within(t), c, option(b)))
			goesOn(t, c, b)
		})
	}
}

func (b *bomb) wrap(before bool) api.CallWrapper {
	return func(next api.CallFunc) api.CallFunc {
		return func(ctx context.Context, n *registry.Node, req api.Request, rsp any, opts api.CallOptions) error {
			if before {
				b.pass()
			}
			err := next(ctx, n, req, rsp, opts)
			b.pass()
			return err
		}
	}
}

func contained(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, rpcerr.ErrPanic) {
		t.Fatalf("got %v, want %v", err, rpcerr.ErrPanic)
	}
	for _, word := range []string{bang, "panic_test.go", "goroutine"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("got %q, want it to have %q", err, word)
		}
	}
	if log := kit.Log(t, err); len(log) > 1 {
		t.Errorf("got %d attempts, want 1 at most", len(log))
	}
}

func goesOn(t *testing.T, c *api.Caller, b *bomb) {
	t.Helper()
	if b.armed.Load() {
		t.Error("the bomb did not go off")
	}
	kit.Settled(t, c)
	for range 3 {
		if err := kit.Call(kit.Within(t), c); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	}
	kit.Settled(t, c)
}

// Wrappers of a whole client run outside of it, on the caller's goroutine:
// their panics are the caller's. The client inside takes no harm.
func TestPanicOfAClientWrapperIsTheCallers(t *testing.T) {
	server := mailcalltest.Start(t)
	b := new(bomb)
	c := kit.Start(t, api.WithAddress(server.Address()), api.WithWrapper(func(next api.Client) api.Client {
		return wrapped{next, b}
	}))
	b.armed.Store(true)
	func() {
		defer func() {
			if p := recover(); p != bang {
				t.Errorf("got panic %v, want %q", p, bang)
			}
		}()
		_ = kit.Call(kit.Within(t), c) // it does not return
	}()
	goesOn(t, c, b)
}

type wrapped struct {
	api.Client
	bomb *bomb
}

func (w wrapped) Call(ctx context.Context, req api.Request, rsp any, opts ...api.CallOption) error {
	err := w.Client.Call(ctx, req, rsp, opts...)
	w.bomb.pass()
	return err
}

// What a transport does after the exchange cannot fail the call any more, but
// it does not fail anything else either: the connection is given up.
func TestPanicsAfterTheExchangeAreContained(t *testing.T) {
	for _, method := range []string{"ready", "close"} {
		t.Run(method, func(t *testing.T) {
			b := new(bomb)
			server := mailcalltest.Start(t)
			c := kit.Start(t, api.WithTransport(bombTransport{overHTTP(t), b, method}), api.WithAddress(server.Address()))
			b.armed.Store(true)
			if err := kit.Call(kit.Within(t), c, api.WithConnClose()); err != nil && !errors.Is(err, rpcerr.ErrPanic) {
				t.Errorf("got %v, want %v at most", err, rpcerr.ErrPanic)
			}
			if method == "ready" {
				_ = kit.Call(kit.Within(t), c) // asks whether the connection can be used again
			}
			kit.Until(t, "the bomb to go off", func() bool { return !b.armed.Load() })
			goesOn(t, c, b)
		})
	}
}
