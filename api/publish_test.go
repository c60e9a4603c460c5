// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/broker"
	"example.com/mailcall/broker/memory"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/metadata"
	"example.com/mailcall/rpcerr"

	"google.golang.org/protobuf/proto"
)

func subscribe(t *testing.T, b broker.Broker, topic string) <-chan broker.Event {
	t.Helper()
	events := make(chan broker.Event, 16)
	s, err := b.Subscribe(t.Context(), topic, func(_ context.Context, e broker.Event) error {
		events <- e
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.Close()
		<-s.Done()
	})
	return events
}

func TestPublish(t *testing.T) {
	b := memory.New()
	events := subscribe(t, b, "greetings")
	c := start(t, api.WithBroker(b))
	ctx := metadata.NewContext(within(t), metadata.Metadata{"Foo": "bar"})
	msg := c.NewMessage("greetings", &greet.HelloRequest{Name: "Ann", Count: 3}, api.WithMessageContentType("application/json"))
	if err := c.Publish(ctx, msg); err != nil {
		t.Fatal(err)
	}
	e := await(t, "the event", events)
	for name, want := range map[string]string{"Foo": "bar", "Content-Type": "application/json", "Micro-Topic": "greetings"} {
		if got := e.Message.Header[name]; got != want {
			t.Errorf("header %s: got %q, want %q", name, got, want)
		}
	}
	if id := e.Message.Header["Micro-ID"]; len(id) != 36 || strings.Count(id, "-") != 4 {
		t.Errorf("got Micro-ID %q, want a UUID", id)
	}
	if got, want := string(e.Message.Body), `{"name":"Ann","count":"3"}`+"\n"; got != want {
		t.Errorf("got body %q, want %q", got, want)
	}
	services := c.Runtime().Snapshot().Services
	if len(services) != 1 || services[0].Name != "broker memory" || services[0].Nodes[0].Answers != 1 {
		t.Errorf("got services %+v, want the broker with one answer", services)
	}
}

// With an exchange the message goes there, and keeps its topic.
func TestPublishToAnExchange(t *testing.T) {
	b := memory.New()
	events := subscribe(t, b, "exchange")
	c := start(t, api.WithBroker(b))
	if err := c.Publish(within(t), c.NewMessage("topic", &greet.HelloRequest{}), api.WithExchange("exchange")); err != nil {
		t.Fatal(err)
	}
	if e := await(t, "the event", events); e.Message.Header["Micro-Topic"] != "topic" {
		t.Errorf("got header %v, want the topic", e.Message.Header)
	}
}

// fickle fails as it is told, once for each entry.
type fickle struct {
	broker.Broker
	fail []error
	seen int
}

func (f *fickle) Publish(ctx context.Context, topic string, m *broker.Message) error {
	f.seen++
	if f.seen <= len(f.fail) {
		return f.fail[f.seen-1]
	}
	return f.Broker.Publish(ctx, topic, m)
}

func TestPublishIsRetriedWhenNothingWasSent(t *testing.T) {
	lost := errors.New("lost on the way")
	for _, c := range []struct {
		name string
		fail error
		opts []api.PublishOption
		ok   bool
	}{
		{"not sent", broker.NotSent(lost), nil, true},
		{"perhaps sent", lost, nil, false},
		{"perhaps sent, and harmless twice", lost, []api.PublishOption{api.PublishIdempotent()}, true},
		{"nobody subscribes", broker.ErrNoSubscribers, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := memory.New()
			subscribe(t, b, "greetings")
			client := start(t, api.WithBroker(&fickle{Broker: b, fail: []error{c.fail}}))
			err := client.Publish(within(t), client.NewMessage("greetings", &greet.HelloRequest{}), c.opts...)
			if (err == nil) != c.ok {
				t.Errorf("got %v, want ok %t", err, c.ok)
			}
			if err != nil && !errors.Is(err, c.fail) {
				t.Errorf("got %v, want it to match %v", err, c.fail)
			}
		})
	}
}

// connectable is a broker whose connecting waits for what the test says.
type connectable struct {
	broker.Broker
	asked  chan struct{}
	result chan error
}

func (c connectable) Connect(context.Context) error {
	c.asked <- struct{}{}
	return <-c.result
}

// The snapshot says how the way to the broker is.
func TestBrokerInTheSnapshot(t *testing.T) {
	if b := start(t).Runtime().Snapshot().Broker; b != nil {
		t.Errorf("got %+v, want no broker", b)
	}
	if b := start(t, api.WithBroker(memory.New())).Runtime().Snapshot().Broker; b == nil || b.State != "connected" || b.Name != "memory" {
		t.Errorf("got %+v, want a broker that needs no connecting", b)
	}
	b := connectable{memory.New(), make(chan struct{}), make(chan error)}
	subscribe(t, b, "greetings")
	c := start(t, api.WithBroker(b), api.WithRetries(0))
	result := make(chan error, 1)
	state := func(want string, waiting int, fault string) {
		t.Helper()
		until(t, want, func() bool { return c.Runtime().Snapshot().Broker.State == want })
		if got := c.Runtime().Snapshot().Broker; got.Waiting != waiting || got.LastFault != fault {
			t.Errorf("got %+v, want %d waiting and the fault %q", got, waiting, fault)
		}
	}
	state("idle", 0, "")
	for _, tc := range []struct {
		err          error
		state, fault string
	}{{errors.New("no way"), "idle", "no way"}, {nil, "connected", ""}} {
		go func() { result <- c.Publish(within(t), c.NewMessage("greetings", &greet.HelloRequest{})) }()
		await(t, "the connecting", b.asked)
		before := ""
		if tc.err == nil {
			before = "no way"
		}
		state("connecting", 1, before)
		b.result <- tc.err
		if err := await(t, "the end of the publishing", result); (err == nil) != (tc.err == nil) {
			t.Errorf("got %v, want %v", err, tc.err)
		}
		state(tc.state, 0, tc.fault)
	}
}

func TestPublishRefuses(t *testing.T) {
	with := start(t, api.WithBroker(memory.New()))
	without := start(t)
	good := with.NewMessage("t", &greet.HelloRequest{})
	for _, c := range []struct {
		name   string
		client *api.Caller
		ctx    context.Context
		msg    api.Message
		opts   []api.PublishOption
		want   string
	}{
		{"no broker", without, t.Context(), good, nil, "WithBroker"},
		{"no context", with, nil, good, nil, "context is nil"},
		{"no message", with, t.Context(), nil, nil, "message is nil"},
		{"no topic", with, t.Context(), with.NewMessage("", &greet.HelloRequest{}), nil, "topic is empty"},
		{"no payload", with, t.Context(), with.NewMessage("t", nil), nil, "no payload"},
		{"nil option", with, t.Context(), good, []api.PublishOption{nil}, "option 1 of 1 is nil"},
		{"unknown content type", with, t.Context(), with.NewMessage("t", "x", api.WithMessageContentType("a/b")), nil, `"a/b"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.client.Publish(c.ctx, c.msg, c.opts...)
			var e *rpcerr.CallError
			if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want a CallError that says %q", err, c.want)
			}
		})
	}
}

// explosiveBroker panics over every event.
type explosiveBroker struct{ broker.Broker }

func (explosiveBroker) Publish(context.Context, string, *broker.Message) error { panic("as ordered") }

// A broker that panics fails the publishing, and is named for it.
func TestBrokerThatPanics(t *testing.T) {
	c := start(t, api.WithBroker(explosiveBroker{memory.New()}))
	err := c.Publish(within(t), c.NewMessage("greetings", &greet.HelloRequest{}))
	if a, _ := last(t, err); !errors.Is(err, rpcerr.ErrPanic) || !strings.Contains(err.Error(), "broker: as ordered") || a.Proof != rpcerr.SentUnknown {
		t.Errorf("got %v, proof %s, want the panic of the broker, which may have sent it", err, a.Proof)
	}
}

// holding is a broker that does not return from Publish until it is released, or ends
// the goroutine.
type holding struct {
	broker.Broker
	released chan struct{} // nil: it ends the goroutine
}

func (h holding) Publish(context.Context, string, *broker.Message) error {
	if h.released == nil {
		runtime.Goexit()
	}
	<-h.released
	return nil
}

// A broker that does not return by the deadline does not hold the publish.
func TestBrokerThatHangs(t *testing.T) {
	b := holding{memory.New(), make(chan struct{})}
	c := start(t, api.WithBroker(b))
	left := func() int64 { return c.Runtime().Snapshot().Broker.LeftBehind }
	for n, cancelled := range []bool{false, true} {
		ctx, cancel := context.WithTimeout(t.Context(), shortly)
		want := context.DeadlineExceeded
		if cancelled {
			want = context.Canceled
			cancel()
			ctx, cancel = context.WithCancel(t.Context())
			time.AfterFunc(shortly, cancel)
		}
		err := c.Publish(ctx, c.NewMessage("greetings", &greet.HelloRequest{}))
		cancel()
		if a, _ := last(t, err); !errors.Is(err, want) || a.Proof != rpcerr.SentUnknown {
			t.Errorf("got %v, proof %s, want %v, and that it may have been sent", err, a.Proof, want)
		}
		if got := left(); got != int64(n+1) {
			t.Errorf("got %d publishes left behind, want %d", got, n+1)
		}
	}
	close(b.released)
	until(t, "the broker to return", func() bool { return left() == 0 })
}

// Nor does one that ends the goroutine end that of the caller.
func TestBrokerThatEndsItsGoroutine(t *testing.T) {
	c := start(t, api.WithBroker(holding{Broker: memory.New()}))
	err := c.Publish(within(t), c.NewMessage("greetings", &greet.HelloRequest{}))
	if a, _ := last(t, err); !errors.Is(err, rpcerr.ErrPanic) || a.Proof != rpcerr.SentUnknown {
		t.Errorf("got %v, proof %s, want ErrPanic, and that it may have been sent", err, a.Proof)
	}
}

// late is a broker whose first Publish returns what it was given only when it is
// released.
type late struct {
	broker.Broker
	released chan struct{}
	first    chan *broker.Message
	begun    atomic.Bool
}

func (l *late) Publish(_ context.Context, _ string, m *broker.Message) error {
	if !l.begun.Swap(true) {
		<-l.released
		l.first <- m
	}
	return nil
}

// A broker that is left behind still has the message that it was given, whatever is
// published meanwhile.
func TestBrokerThatIsLateKeepsItsMessage(t *testing.T) {
	l := &late{Broker: memory.New(), released: make(chan struct{}), first: make(chan *broker.Message, 1)}
	c := start(t, api.WithBroker(l))
	ctx, cancel := context.WithTimeout(t.Context(), shortly)
	defer cancel()
	err := c.Publish(ctx, c.NewMessage("first", &greet.HelloRequest{Name: "Ann"}))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the deadline", err)
	}
	for range 100 {
		if err := c.Publish(within(t), c.NewMessage("other", &greet.HelloRequest{Name: "Bob"})); err != nil {
			t.Fatal(err)
		}
	}
	close(l.released)
	m, got := <-l.first, new(greet.HelloRequest)
	if err := proto.Unmarshal(m.Body, got); err != nil || got.GetName() != "Ann" || m.Header["Micro-Topic"] != "first" {
		t.Errorf("got %v in topic %q, %v, want the first message", got, m.Header["Micro-Topic"], err)
	}
}
