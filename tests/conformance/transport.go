// SPDX-License-Identifier: Apache-2.0

// Package conformance has the test suites of the contracts, for the implementations
// of this repository and for any other: [Transport], [Codec], [Registry] and
// [Broker]. Two more suites make real calls over an implementation and log a table of
// what works: [Calls] and [Publishing].
//
//	func TestConformance(t *testing.T) {
//		conformance.Transport(t, func(t *testing.T) conformance.Rig {
//			n := mytransport.New()
//			return conformance.Rig{Transport: n, Listen: n.Listen, Address: "127.0.0.1:0"}
//		})
//	}
package conformance

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"example.com/mailcall/transport"
)

// patience bounds every wait of the suites. Nothing is expected to take as
// long.
const patience = 20 * time.Second

// Rig is a transport under test, and a way to listen for its connections.
type Rig struct {
	// Transport is the transport under test.
	Transport transport.Transport
	// Listen accepts connections at an address.
	Listen func(address string) (transport.Listener, error)
	// Address is given to Listen; it should pick a free one each time.
	Address string
}

// Factory makes a rig for one test. It must close what it opens when the test ends.
type Factory func(t *testing.T) Rig

// Transport tests each clause of the contract of package transport, and those of
// [transport.Exclusive] and [transport.RoundTripper] if the connections implement
// them. Listeners may add fields to the header of an answer, as HTTP does, but must
// not change or lose any.
func Transport(t *testing.T, factory Factory) {
	t.Helper()
	for _, clause := range []struct {
		name string
		test func(*testing.T, *bench)
	}{
		{"has a name", testName},
		{"bodies of all sizes round trip", testBodies},
		{"headers round trip", testHeaders},
		{"a connection serves many exchanges", testMany},
		{"connections do not mix", testApart},
		{"send keeps no reference", testSendKeepsNothing},
		{"a message is valid until the next Recv", testValidUntilRecv},
		{"close unblocks Recv", testCloseUnblocks},
		{"close may be repeated and ends all", testCloseTwice},
		{"the end of the peer is io.EOF", testPeerEnds},
		{"a dead peer is found out, and NotSent is true", testDeadPeer},
		{"Dial ends with its context", testDialContext},
		{"Dial fails where nobody listens", testDialNobody},
		{"a closed listener lets connections live", testListenerClose},
		{"Exclusive: deadline", testDeadline},
		{"Exclusive: cancel", testCancel},
		{"Exclusive: bound of one exchange only", testRebind},
		{"Exclusive: Interrupt", testInterrupt},
		{"Exclusive: Ready", testReady},
		{"RoundTripper: exchanges", testTrip},
		{"RoundTripper: bounds and Interrupt", testTripEnds},
	} {
		t.Run(clause.name, func(t *testing.T) {
			clause.test(t, newBench(t, factory(t)))
		})
	}
}

// bench is a rig that listens.
type bench struct {
	Rig
	t        *testing.T
	listener transport.Listener
	work     sync.WaitGroup
}

func newBench(t *testing.T, r Rig) *bench {
	t.Helper()
	l, err := r.Listen(r.Address)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{Rig: r, t: t, listener: l}
	t.Cleanup(func() {
		_ = l.Close() // a test may have been first
		b.work.Wait()
	})
	return b
}

// serve gives each connection to handle, on a goroutine of its own, and closes
// it afterwards.
func (b *bench) serve(handle func(transport.Conn)) {
	b.work.Go(func() {
		for {
			c, err := b.listener.Accept()
			if err != nil {
				if !errors.Is(err, net.ErrClosed) {
					b.t.Errorf("Accept: got %v, want net.ErrClosed at the end", err)
				}
				return
			}
			b.work.Go(func() {
				defer func() { _ = c.Close() }() // the client may have been first
				handle(c)
			})
		}
	})
}

// echo answers every message with itself until the connection ends.
func echo(c transport.Conn) {
	var m transport.Message
	for c.Recv(&m) == nil {
		if c.Send(&m) != nil {
			return
		}
	}
}

// silent receives messages and answers none.
func silent(c transport.Conn) {
	var m transport.Message
	for c.Recv(&m) == nil { //nolint:revive // it takes what comes
	}
}

// dial opens a connection that ends with the test.
func (b *bench) dial() transport.Conn {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	defer cancel()
	c, err := b.Transport.Dial(ctx, b.listener.Address())
	if err != nil {
		b.t.Fatalf("Dial: %v", err)
	}
	b.t.Cleanup(func() { _ = c.Close() })
	return c
}

// exclusive is dial for the clauses of transport.Exclusive.
func (b *bench) exclusive() transport.Exclusive {
	b.t.Helper()
	c, ok := b.dial().(transport.Exclusive)
	if !ok {
		b.t.Skip("the connections are not transport.Exclusive")
	}
	c.Bind(context.Background(), time.Time{})
	return c
}

// exchange sends a message and returns a copy of the answer.
func (b *bench) exchange(c transport.Conn, m *transport.Message) transport.Message {
	b.t.Helper()
	var got transport.Message
	if err := c.Send(m); err != nil {
		b.t.Fatalf("Send: %v", err)
	}
	if err := c.Recv(&got); err != nil {
		b.t.Fatalf("Recv: %v", err)
	}
	return transport.Message{Header: got.Header.Clone(), Body: append([]byte(nil), got.Body...)}
}

// await waits for an error that a goroutine reports.
func (b *bench) await(what string, c <-chan error) error {
	b.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case err := <-c:
		return err
	case <-timer.C:
		b.t.Fatalf("%s: got nothing in %s, want it to return", what, patience)
		return nil
	}
}

// until waits until is holds.
func (b *bench) until(what string, is func() bool) {
	b.t.Helper()
	for end := time.Now().Add(patience); !is(); runtime.Gosched() {
		if time.Now().After(end) {
			b.t.Fatalf("got nothing in %s, want %s", patience, what)
		}
	}
}

// message is one with a header that answers may repeat.
func message(body string) *transport.Message {
	return &transport.Message{
		Header: transport.Header{{Name: "Content-Type", Value: "text/plain"}, {Name: "Micro-Endpoint", Value: "A.B"}},
		Body:   []byte(body),
	}
}

// ended reports whether err is one of those that say that the peer is gone.
func ended(err error) bool { return errors.Is(err, io.EOF) }
