// SPDX-License-Identifier: Apache-2.0

package grpc_test

import (
	"context"
	"net"
	"os"
	"testing"
	"time"

	"example.com/mailcall/transport"
)

func TestDeadlineAndCancel(t *testing.T) {
	s := &service{entered: make(chan struct{}, 16), release: make(chan struct{})}
	address, _ := startStock(t, s)
	c := dial(t, address)
	m := request(t, "EmptyCall", nil)

	err := c.Exchange(bound(t), time.Now().Add(30*time.Millisecond), m, &transport.Message{})
	wantIs(t, err, os.ErrDeadlineExceeded)
	wantNot(t, err, transport.ErrNotSent, transport.ErrAnswered)

	err = c.Exchange(bound(t), time.Now().Add(-time.Second), m, &transport.Message{})
	wantIs(t, err, os.ErrDeadlineExceeded, transport.ErrNotSent)

	ctx, cancel := context.WithTimeout(bound(t), 30*time.Millisecond)
	defer cancel()
	wantIs(t, c.Exchange(ctx, time.Time{}, m, &transport.Message{}), context.DeadlineExceeded)

	<-s.entered
	<-s.entered
	ctx, cancel = context.WithCancel(bound(t))
	go func() {
		<-s.entered
		cancel()
	}()
	err = c.Exchange(ctx, time.Time{}, m, &transport.Message{})
	wantIs(t, err, context.Canceled)
	wantNot(t, err, transport.ErrNotSent, transport.ErrAnswered)
	if running, _ := c.Load(); running != 0 {
		t.Errorf("got %d running, want none", running)
	}
	err = c.Exchange(ctx, time.Time{}, m, &transport.Message{})
	wantIs(t, err, context.Canceled, transport.ErrNotSent)
}

func TestServerDies(t *testing.T) {
	s := &service{entered: make(chan struct{}, 1), release: make(chan struct{})}
	address, server := startStock(t, s)
	c := dial(t, address)
	go func() {
		<-s.entered
		server.Stop()
	}()
	err := c.Exchange(bound(t), time.Time{}, request(t, "EmptyCall", nil), &transport.Message{})
	if err == nil {
		t.Fatal("got no error, want one")
	}
	wantNot(t, err, transport.ErrNotSent, transport.ErrAnswered)
	err = c.Exchange(bound(t), time.Time{}, request(t, "EmptyCall", nil), &transport.Message{})
	wantIs(t, err, transport.ErrNotSent)
	await(t, "a connection that is not ready", func() bool { return !c.Ready(0) })
}

func TestServerLeaves(t *testing.T) {
	s := &service{entered: make(chan struct{}, 1), release: make(chan struct{})}
	address, server := startStock(t, s)
	c := dial(t, address)
	if !c.Ready(0) {
		t.Error("got a fresh connection that is not ready")
	}
	done := make(chan error, 1)
	go func() {
		done <- c.Exchange(bound(t), time.Time{}, request(t, "EmptyCall", nil), &transport.Message{})
	}()
	<-s.entered
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		server.GracefulStop()
	}()
	await(t, "a connection that is not ready", func() bool { return !c.Ready(0) })
	err := c.Exchange(bound(t), time.Time{}, request(t, "EmptyCall", nil), &transport.Message{})
	wantIs(t, err, transport.ErrNotSent)
	close(s.release)
	if err := <-done; err != nil {
		t.Errorf("got %v from the call that ran when the server began to leave, want none", err)
	}
	<-stopped
}

func TestCloseEndsExchanges(t *testing.T) {
	s := &service{entered: make(chan struct{}, 1), release: make(chan struct{})}
	address, _ := startStock(t, s)
	c := dial(t, address)
	go func() {
		<-s.entered
		_ = c.Close()
	}()
	err := c.Exchange(bound(t), time.Time{}, request(t, "EmptyCall", nil), &transport.Message{})
	wantIs(t, err, net.ErrClosed)
	err = c.Exchange(bound(t), time.Time{}, request(t, "EmptyCall", nil), &transport.Message{})
	wantIs(t, err, net.ErrClosed, transport.ErrNotSent)
	if err := c.Close(); err != nil {
		t.Errorf("got %v from the second Close, want none", err)
	}
}

func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for ctx := bound(t); !is(); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited %s for %s", patience, what)
		}
	}
}
