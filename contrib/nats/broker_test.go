// SPDX-License-Identifier: Apache-2.0

package nats_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	natsio "github.com/nats-io/nats.go"

	"example.com/mailcall/broker"
	"example.com/mailcall/contrib/nats"
)

func subscribe(t *testing.T, b *nats.Broker, topic string, opts ...broker.SubscribeOption) <-chan broker.Event {
	t.Helper()
	events := make(chan broker.Event, 64)
	_, err := b.Subscribe(t.Context(), topic, func(_ context.Context, e broker.Event) error {
		events <- e
		return nil
	}, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func TestNoServer(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "nats://ann:secret@" + ln.Addr().String()
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	b := newBroker(t, url)
	for range 2 {
		err = b.Publish(t.Context(), "a", &broker.Message{})
		if !errors.Is(err, nats.ErrDisconnected) || !errors.Is(err, broker.ErrNotSent) {
			t.Errorf("got %v, want ErrDisconnected that is ErrNotSent", err)
		}
	}
	if err := b.Connect(t.Context()); !errors.Is(err, nats.ErrDisconnected) {
		t.Errorf("Connect: got %v, want ErrDisconnected", err)
	}
}

// A server that accepts the connection and sends nothing blocks nothing.
func TestSilentServer(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	b := newBroker(t, "nats://"+ln.Addr().String(), nats.WithTimeout(100*time.Millisecond))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := b.Publish(ctx, "a", &broker.Message{}); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, broker.ErrNotSent) {
		t.Errorf("got %v, want %v that is ErrNotSent", err, context.DeadlineExceeded)
	}
	if err := b.Connect(t.Context()); !errors.Is(err, nats.ErrDisconnected) {
		t.Errorf("got %v, want ErrDisconnected", err)
	}
}

// While the server is down, publishing fails at once; once it is back, publishing and
// the subscription continue, and no old messages arrive.
func TestServerGoesAndComesBack(t *testing.T) {
	s := start(t, nil)
	lost := make(chan error, 16)
	b := newBroker(t, s.ClientURL(), nats.WithErrorFunc(func(err error) { lost <- err }),
		nats.WithOptions(natsio.ReconnectWait(time.Millisecond), natsio.ReconnectJitter(0, 0)))
	events := subscribe(t, b, "a")
	port := s.Addr().(*net.TCPAddr).Port
	stop(s)
	if err := <-lost; !errors.Is(err, nats.ErrDisconnected) {
		t.Errorf("told %v, want ErrDisconnected", err)
	}
	err := b.Publish(t.Context(), "a", &broker.Message{Body: []byte("old")})
	if !errors.Is(err, nats.ErrDisconnected) || !errors.Is(err, broker.ErrNotSent) {
		t.Errorf("got %v, want ErrDisconnected that is ErrNotSent", err)
	}
	start(t, func(o *server.Options) { o.Port = port })
	for end := time.Now().Add(patience); ; {
		if err = b.Publish(t.Context(), "a", &broker.Message{Body: []byte("new")}); err == nil {
			break
		}
		if !errors.Is(err, nats.ErrDisconnected) || time.Now().After(end) {
			t.Fatalf("got %v, want to be connected again", err)
		}
	}
	if e := <-events; string(e.Message.Body) != "new" {
		t.Errorf("got %q, want new", e.Message.Body)
	}
}

func TestForeignPayload(t *testing.T) {
	s := start(t, nil)
	events := subscribe(t, newBroker(t, s.ClientURL()), "a.*")
	for _, raw := range []string{"no JSON", `"text"`, `{"Header":{"A":1}}`, ""} {
		if err := connect(t, s).Publish("a.b", []byte(raw)); err != nil {
			t.Fatal(err)
		}
		e := <-events
		if !errors.Is(e.Err, broker.ErrMalformed) || string(e.Message.Body) != raw || e.Topic != "a.b" || len(e.Message.Header) != 0 {
			t.Errorf("got %+v, want %q with ErrMalformed on a.b", e, raw)
		}
	}
}

func TestSubjects(t *testing.T) {
	b := newBroker(t, start(t, nil).ClientURL())
	for _, topic := range []string{"", "a b", "a..b", ".a", "a.", "a\r\nPUB x 0", "a.*", ">"} {
		err := b.Publish(t.Context(), topic, &broker.Message{})
		if !errors.Is(err, broker.ErrInvalid) || !errors.Is(err, broker.ErrNotSent) {
			t.Errorf("%q: got %v, want ErrInvalid that is ErrNotSent", topic, err)
		}
	}
}

func TestUnconfirmed(t *testing.T) {
	s := start(t, nil)
	sub := listen(t, connect(t, s), "a")
	if err := newBroker(t, s.ClientURL(), nats.WithoutConfirmation()).Publish(t.Context(), "a", &broker.Message{}); err != nil {
		t.Fatal(err)
	}
	if got := string(next(t, sub).Data); got != `{"Header":null,"Body":null}` {
		t.Errorf("got %s, want an envelope of nothing", got)
	}
}

func TestOptions(t *testing.T) {
	for what, o := range map[string]nats.Option{
		"no URL": nats.WithURL(""), "nil connection": nats.WithConn(nil), "no timeout": nats.WithTimeout(0),
		"no collecting": nats.WithCollect(0), "negative quorum": nats.WithQuorum(-1),
	} {
		if _, err := nats.NewBroker(o); err == nil {
			t.Errorf("%s: got nil, want an error", what)
		}
	}
	_, err := nats.NewBroker(nats.WithTimeout(0), nats.WithQuorum(-1))
	for _, want := range []string{"timeout of 0s", "quorum of -1"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("two invalid options: got %v, want %q in it", err, want)
		}
	}
	if b, err := nats.NewBroker(nil); err != nil {
		t.Errorf("no option: got %v, want none", err)
	} else if err := b.Close(); err != nil {
		t.Error(err)
	}
}
