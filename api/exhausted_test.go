// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"errors"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"testing"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport/http"
)

// A client that has no descriptors left says so, holds it against no node, and
// works again as soon as it has some.
func TestLackOfDescriptorsBlamesNoNode(t *testing.T) {
	for _, lack := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		t.Run(lack.Error(), func(t *testing.T) {
			first, second := mailcalltest.Start(t), mailcalltest.Start(t)
			var short atomic.Bool
			wire, err := http.New(http.WithDialer(func(ctx context.Context, network, address string) (net.Conn, error) {
				if short.Load() {
					return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("socket", lack)}
				}
				return new(net.Dialer).DialContext(ctx, network, address)
			}))
			if err != nil {
				t.Fatal(err)
			}
			c := start(t, api.WithTransport(wire), api.WithAddress(first.Address(), second.Address()))
			short.Store(true)
			for range 10 {
				err := greetAnn(within(t), c)
				if !errors.Is(err, lack) {
					t.Fatalf("got %v, want %v", err, lack)
				}
				if a, n := last(t, err); n < 2 || a.Phase != rpcerr.PhaseDial || a.Proof != rpcerr.NotSent {
					t.Errorf("got %d attempts, the last in phase %s with proof %s, want several, dial and not-sent", n, a.Phase, a.Proof)
				}
			}
			short.Store(false)
			if err := greetAnn(within(t), c); err != nil {
				t.Error(err)
			}
			for _, s := range c.Runtime().Snapshot().Services {
				for _, n := range s.Nodes {
					if n.Health != "healthy" || n.LastFault != "" {
						t.Errorf("got node %s %s for %q, want it healthy and without a fault", n.Address, n.Health, n.LastFault)
					}
				}
			}
		})
	}
}
