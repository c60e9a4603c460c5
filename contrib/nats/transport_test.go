// SPDX-License-Identifier: Apache-2.0

package nats_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"example.com/mailcall/contrib/nats"
	"example.com/mailcall/transport"
)

func dial(t *testing.T, tr *nats.Transport, address string) transport.Exclusive {
	t.Helper()
	c, err := tr.Dial(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c.(transport.Exclusive)
}

func TestNobodyListens(t *testing.T) {
	c := dial(t, newTransport(t, start(t, nil).ClientURL()), "nobody")
	if err := c.Send(&transport.Message{}); err != nil {
		t.Fatal(err)
	}
	err := c.Recv(new(transport.Message))
	if !errors.Is(err, nats.ErrNobodyListens) || !errors.Is(err, transport.ErrNotSent) {
		t.Errorf("got %v, want ErrNobodyListens that is ErrNotSent", err)
	}
	if c.Ready(0) {
		t.Error("got ready, want the connection to be over")
	}
	if err := c.Send(&transport.Message{}); !errors.Is(err, transport.ErrNotSent) {
		t.Errorf("got %v, want ErrNotSent", err)
	}
}

func TestServerIsLost(t *testing.T) {
	s := start(t, nil)
	sub := listen(t, connect(t, s), "greeter")
	c := dial(t, newTransport(t, s.ClientURL()), "greeter")
	if err := c.Send(&transport.Message{}); err != nil {
		t.Fatal(err)
	}
	next(t, sub)
	stop(s)
	if err := c.Recv(new(transport.Message)); !errors.Is(err, nats.ErrDisconnected) || errors.Is(err, transport.ErrNotSent) {
		t.Errorf("Recv: got %v, want ErrDisconnected that leaves open what happened", err)
	}
	if err := c.Send(&transport.Message{}); !errors.Is(err, nats.ErrDisconnected) || !errors.Is(err, transport.ErrNotSent) {
		t.Errorf("Send: got %v, want ErrDisconnected that is ErrNotSent", err)
	}
	if c.Ready(0) {
		t.Error("got ready, want the connection to be over")
	}
}

func TestBadReplies(t *testing.T) {
	s := start(t, nil)
	nc := connect(t, s)
	sub := listen(t, nc, "greeter")
	tr := newTransport(t, s.ClientURL())
	for _, c := range []struct {
		reply    string
		want     error
		farewell bool
	}{{"no JSON", transport.ErrProtocol, true}, {`{"Header":[]}`, transport.ErrProtocol, true}, {"", io.EOF, false}} {
		conn := dial(t, tr, "greeter")
		if err := conn.Send(&transport.Message{}); err != nil {
			t.Fatal(err)
		}
		if err := nc.Publish(next(t, sub).Reply, []byte(c.reply)); err != nil {
			t.Fatal(err)
		}
		if err := conn.Recv(new(transport.Message)); !errors.Is(err, c.want) {
			t.Errorf("%q: got %v, want %v", c.reply, err, c.want)
		}
		_ = conn.Close()
		if !c.farewell {
			continue
		}
		if farewell := next(t, sub); len(farewell.Data) != 0 {
			t.Errorf("got %q, want an empty farewell", farewell.Data)
		}
	}
}

// A peer that sends without end gets its connection closed; it does not exhaust memory.
func TestFlood(t *testing.T) {
	s := start(t, nil)
	nc := connect(t, s)
	sub := listen(t, nc, "greeter")
	c := dial(t, newTransport(t, s.ClientURL()), "greeter")
	if err := c.Send(&transport.Message{}); err != nil {
		t.Fatal(err)
	}
	reply := next(t, sub).Reply
	for range 1000 {
		if err := nc.Publish(reply, []byte(`{"Header":null,"Body":"eA=="}`)); err != nil {
			t.Fatal(err)
		}
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	// Nothing is read until the connection is broken.
	for c.Send(&transport.Message{}) == nil {
		runtime.Gosched()
	}
	got, err := 0, error(nil)
	for err == nil {
		if err = c.Recv(new(transport.Message)); err == nil {
			got++
		}
	}
	if got != 256 {
		t.Errorf("got %d messages before %v, want the 256 that may wait", got, err)
	}
}

func TestTooLarge(t *testing.T) {
	s := start(t, func(o *server.Options) { o.MaxPayload = 1000 })
	c := dial(t, newTransport(t, s.ClientURL()), "greeter")
	for _, size := range []int{800, 1001} {
		err := c.Send(&transport.Message{Body: make([]byte, size)})
		if !errors.Is(err, transport.ErrTooLarge) || !errors.Is(err, transport.ErrNotSent) {
			t.Errorf("%d bytes: got %v, want ErrTooLarge that is ErrNotSent", size, err)
		}
	}
	err := c.Send(&transport.Message{Header: transport.Header{{Name: "A", Value: "\xff"}}})
	if !errors.Is(err, transport.ErrInvalid) || !errors.Is(err, transport.ErrNotSent) {
		t.Errorf("got %v, want ErrInvalid that is ErrNotSent", err)
	}
}

func TestTransportClose(t *testing.T) {
	s := start(t, nil)
	tr := newTransport(t, s.ClientURL())
	l, err := tr.Listen("greeter")
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, tr, l.Address())
	over := make(chan error, 1)
	go func() {
		_, err := l.Accept()
		over <- err
	}()
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-over; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept: got %v, want %v", err, net.ErrClosed)
	}
	if err := c.Recv(new(transport.Message)); err == nil {
		t.Error("Recv: got nil, want an error")
	}
	if _, err := tr.Dial(t.Context(), "greeter"); !errors.Is(err, nats.ErrClosed) || !errors.Is(err, transport.ErrNotSent) {
		t.Errorf("Dial: got %v, want ErrClosed that is ErrNotSent", err)
	}
	if err := l.Close(); err != nil {
		t.Errorf("Close of the listener: %v", err)
	}
}

// A server that does not read blocks a call no longer than its bound.
func TestServerThatDoesNotRead(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tr := newTransport(t, "nats://"+ln.Addr().String())
	met := make(chan net.Conn, 1)
	go func() {
		defer close(met)
		raw, err := ln.Accept()
		if err != nil {
			return
		}
		met <- raw
		_, _ = io.WriteString(raw, `INFO {"server_id":"S","version":"2.10.0","proto":1,"headers":true,"max_payload":8388608}`+"\r\n")
		for lines := bufio.NewScanner(raw); lines.Scan(); {
			if lines.Text() == "PING" {
				_, _ = io.WriteString(raw, "PONG\r\n")
				return // it sends nothing more
			}
		}
	}()
	c := dial(t, tr, "greeter")
	t.Cleanup(func() {
		_ = ln.Close()
		for raw := range met {
			_ = raw.Close() // otherwise closing waits as well
		}
	})
	over := make(chan error, 2)
	go func() {
		large := transport.Message{Body: make([]byte, 1<<20)}
		send := func() error {
			c.Bind(t.Context(), time.Now().Add(500*time.Millisecond))
			return c.Send(&large)
		}
		var err error
		for err == nil || errors.Is(err, transport.ErrNotSent) { // a slow machine may encode beyond the bound
			err = send()
		}
		over <- err
		over <- send()
	}()
	for _, sent := range []bool{true, false} {
		select {
		case err := <-over:
			if !errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, transport.ErrNotSent) == sent {
				t.Errorf("got %v, want %v, and that it was not sent: %t", err, os.ErrDeadlineExceeded, !sent)
			}
		case <-time.After(patience):
			t.Fatal("got a Send that waits beyond its bound")
		}
	}
}

// The close of a connection may be lost with the connection to the server. A client
// that missed it is notified again, instead of an answer.
func TestMissedFarewell(t *testing.T) {
	s := start(t, nil)
	l, err := newTransport(t, s.ClientURL()).Listen("greeter")
	if err != nil {
		t.Fatal(err)
	}
	nc := connect(t, s)
	inbox := listen(t, nc, "inbox")
	ask := func() {
		t.Helper()
		if err := nc.PublishRequest("greeter", "inbox", []byte(`{"Header":null,"Body":null}`)); err != nil {
			t.Fatal(err)
		}
	}
	ask()
	c, err := l.Accept()
	if err == nil {
		err = c.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if m := next(t, inbox); len(m.Data) > 0 {
			t.Errorf("got %q, want a farewell", m.Data)
		}
		ask()
	}
}

// A second answer to one request is not taken for the answer to the next.
func TestAnsweredTwice(t *testing.T) {
	s := start(t, nil)
	nc := connect(t, s)
	sub := listen(t, nc, "greeter")
	c := dial(t, newTransport(t, s.ClientURL()), "greeter")
	for _, id := range []string{"0", "1", "2"} {
		if err := c.Send(&transport.Message{Header: transport.Header{{Name: "Micro-ID", Value: id}}}); err != nil {
			t.Fatal(err)
		}
		request := next(t, sub)
		for range 2 {
			if err := nc.Publish(request.Reply, request.Data); err != nil {
				t.Fatal(err)
			}
		}
		var got transport.Message
		if err := c.Recv(&got); err != nil || got.Header.Get("Micro-ID") != id {
			t.Fatalf("got the answer to %q, %v, want that to %s", got.Header.Get("Micro-ID"), err, id)
		}
	}
}
