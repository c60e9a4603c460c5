// SPDX-License-Identifier: Apache-2.0

package nats_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	natsio "github.com/nats-io/nats.go"

	"example.com/mailcall/broker"
	"example.com/mailcall/contrib/nats"
	"example.com/mailcall/registry"
	"example.com/mailcall/transport"
)

// walled runs a server whose user is denied the given subjects.
func walled(t *testing.T, publish, subscribe []string) *server.Server {
	return start(t, func(o *server.Options) {
		o.Users = []*server.User{{Username: "ann", Password: "secret", Permissions: &server.Permissions{
			Publish: &server.SubjectPermission{Deny: publish}, Subscribe: &server.SubjectPermission{Deny: subscribe},
		}}}
	})
}

var ann = nats.WithUser("ann", "secret")

// What the server refuses is neither published nor subscribed to, and the caller gets
// an error. Other subjects work on.
func TestRefusedByTheBroker(t *testing.T) {
	s := walled(t, []string{"secret.>"}, []string{"secret.>"})
	b := newBroker(t, s.ClientURL(), ann)
	for range 2 {
		err := b.Publish(t.Context(), "secret.a", &broker.Message{})
		if !errors.Is(err, natsio.ErrPermissionViolation) || !errors.Is(err, broker.ErrNotSent) {
			t.Errorf("Publish: got %v, want %v that is ErrNotSent", err, natsio.ErrPermissionViolation)
		}
		handle := func(context.Context, broker.Event) error { return nil }
		if _, err := b.Subscribe(t.Context(), "secret.a", handle); !errors.Is(err, natsio.ErrPermissionViolation) {
			t.Errorf("Subscribe: got %v, want %v", err, natsio.ErrPermissionViolation)
		}
		if _, err := b.Subscribe(t.Context(), "secret.a", handle, broker.WithQueue("q")); !errors.Is(err, natsio.ErrPermissionViolation) {
			t.Errorf("Subscribe with a queue: got %v, want %v", err, natsio.ErrPermissionViolation)
		}
		events := subscribe(t, b, "a")
		if err := b.Publish(t.Context(), "a", &broker.Message{}); err != nil {
			t.Error(err)
		}
		<-events
	}
}

func TestRefusedListener(t *testing.T) {
	s := walled(t, nil, []string{"greeter"})
	if l, err := newTransport(t, s.ClientURL(), ann).Listen("greeter"); !errors.Is(err, natsio.ErrPermissionViolation) {
		t.Errorf("got %v, %v, want %v", l, err, natsio.ErrPermissionViolation)
	}
}

// A refused message is reported at once, without waiting for the timeout; if two were
// sent, it may be either of them.
func TestRefusedSend(t *testing.T) {
	s := walled(t, []string{"secret"}, nil)
	if _, err := newTransport(t, s.ClientURL(), ann).Listen("greeter"); err != nil {
		t.Fatal(err)
	}
	tr := newTransport(t, s.ClientURL(), ann)
	send := func(address string) transport.Exclusive {
		c := dial(t, tr, address)
		c.Bind(t.Context(), time.Now().Add(time.Minute))
		if err := c.Send(&transport.Message{}); err != nil {
			t.Fatal(err)
		}
		return c
	}
	other := send("greeter")
	for range 2 {
		err := send("secret").Recv(new(transport.Message))
		if !errors.Is(err, natsio.ErrPermissionViolation) || !errors.Is(err, transport.ErrNotSent) {
			t.Errorf("got %v, want %v that is ErrNotSent", err, natsio.ErrPermissionViolation)
		}
	}
	c := dial(t, tr, "secret")
	c.Bind(t.Context(), time.Now().Add(time.Minute))
	for range 2 {
		if err := c.Send(&transport.Message{}); err != nil && !errors.Is(err, natsio.ErrPermissionViolation) {
			t.Fatal(err)
		}
	}
	if err := c.Recv(new(transport.Message)); !errors.Is(err, natsio.ErrPermissionViolation) {
		t.Errorf("got %v, want %v", err, natsio.ErrPermissionViolation)
	}
	if !other.Ready(0) {
		t.Error("got not ready, want a connection to another subject to go on")
	}
}

// If the answer cannot be received, the request may have been executed.
func TestRefusedInbox(t *testing.T) {
	s := walled(t, nil, []string{"_INBOX.>"})
	if _, err := newTransport(t, s.ClientURL(), ann).Listen("greeter"); err != nil {
		t.Fatal(err)
	}
	c := dial(t, newTransport(t, s.ClientURL(), ann), "greeter")
	c.Bind(t.Context(), time.Now().Add(time.Minute))
	err := c.Send(&transport.Message{})
	sent := err == nil
	if sent {
		err = c.Recv(new(transport.Message))
	}
	if !errors.Is(err, natsio.ErrPermissionViolation) || errors.Is(err, transport.ErrNotSent) == sent {
		t.Errorf("got %v, sent: %t; want %v, and not sent if it was not", err, sent, natsio.ErrPermissionViolation)
	}
}

// A registry that may not be queried returns an error, and not an empty result.
func TestRefusedByTheRegistry(t *testing.T) {
	for _, tc := range []struct {
		name               string
		publish, subscribe []string
		lookup, register   bool // fails
	}{
		{"question", []string{"micro.nats.query"}, nil, true, false},
		{"answers", nil, []string{"_INBOX.>"}, true, false},
		{"questions of others", nil, []string{"micro.nats.query"}, false, true},
		{"news", []string{"micro.nats.watch"}, nil, false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := walled(t, tc.publish, tc.subscribe)
			r := newRegistry(t, s.ClientURL(), ann)
			check := func(what string, err error, refused bool) {
				t.Helper()
				if errors.Is(err, natsio.ErrPermissionViolation) != refused || errors.Is(err, registry.ErrNotFound) {
					t.Errorf("%s: got %v, want it refused: %t", what, err, refused)
				}
			}
			check("Register", r.Register(t.Context(), service("1", "a"), 0), tc.register)
			_, err := r.List(t.Context())
			check("List", err, tc.lookup)
			if tc.lookup {
				_, err = r.Lookup(t.Context(), "greeter")
				check("Lookup", err, true)
			}
		})
	}
	s := walled(t, nil, []string{"micro.nats.watch"})
	err := newRegistry(t, s.ClientURL(), ann).Watch(t.Context(), "greeter", func([]*registry.Service) {})
	if !errors.Is(err, natsio.ErrPermissionViolation) {
		t.Errorf("Watch: got %v, want %v", err, natsio.ErrPermissionViolation)
	}
}

// A function that is told of errors, and panics, takes nothing with it.
func TestPanicOfTheErrorFunc(t *testing.T) {
	s := walled(t, []string{"secret"}, nil)
	told := make(chan struct{}, 10)
	tr := newTransport(t, s.ClientURL(), ann, nats.WithErrorFunc(func(error) {
		told <- struct{}{}
		panic("as ordered")
	}))
	c := dial(t, tr, "secret")
	c.Bind(t.Context(), time.Now().Add(time.Minute))
	if err := c.Send(&transport.Message{}); err != nil {
		t.Fatal(err)
	}
	<-told
	if err := c.Recv(new(transport.Message)); !errors.Is(err, natsio.ErrPermissionViolation) {
		t.Errorf("got %v, want %v", err, natsio.ErrPermissionViolation)
	}
	if _, err := tr.Dial(t.Context(), "greeter"); err != nil {
		t.Errorf("got %v afterwards, want a connection", err)
	}
}
