// SPDX-License-Identifier: Apache-2.0

package http_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"example.com/mailcall/broker"
	"example.com/mailcall/broker/http"
	"example.com/mailcall/internal/dice"
)

// Subscribers that do not answer do not keep the message from those that do.
func TestSilentSubscribersDoNotDelayOthers(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	fine, hits := counting(t, 200, "")
	known := new(board)
	for i := range 20 {
		known.nodes = append(known.nodes, node(fmt.Sprint(i), silent.Addr().String(), http.Broadcast, "a"))
	}
	known.nodes = append(known.nodes, node("y", fine, http.Broadcast, "a"))
	b := newBroker(t, known)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	var partial *broker.PartialError
	if err := b.Publish(ctx, "a", &broker.Message{}); !errors.As(err, &partial) || len(partial.Failed) != 20 || hits() != 1 {
		t.Errorf("got %v, want 20 failures and a delivery to y", err)
	}
}

// A node that does not even accept a connection leaves time for the others of its queue.
func TestNodesThatCannotBeReached(t *testing.T) {
	fine, hits := counting(t, 200, "")
	hole := "192.0.2.1:1"
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == hole {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	for i := range 4 { // the node to try first is chosen at random
		known := &board{nodes: []http.Node{node("x", hole, "q", "a"), node("y", hole, "q", "a"), node("z", fine, "q", "a")}}
		b := newBroker(t, known, http.WithDialer(dial), http.WithDice(dice.NewSource(uint64(i))))
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		err := b.Publish(ctx, "a", &broker.Message{})
		cancel()
		if err != nil {
			t.Errorf("got %v, want that z gets the message", err)
		}
	}
	if hits() != 4 {
		t.Errorf("got %d, want each message once", hits())
	}
	known := &board{nodes: []http.Node{node("x", hole, "q", "a"), node("y", hole, "q", "a")}}
	b := newBroker(t, known, http.WithDialer(dial), http.WithTimeout(100*time.Millisecond))
	if err := b.Publish(t.Context(), "a", &broker.Message{}); !errors.Is(err, broker.ErrNotSent) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want that nothing was sent within the timeout", err)
	}
}
