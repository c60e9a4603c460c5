// SPDX-License-Identifier: Apache-2.0

package leak_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/tests/internal/kit"
)

// A connection that comes about for a call in the moment in which Close cuts it
// goes back to its pool, and is closed with it.
func TestCloseWhileConnectionsAreMade(t *testing.T) {
	server := mailcalltest.Start(t)
	for range 60 {
		c, err := api.New(api.WithAddress(server.Address()))
		if err != nil {
			t.Fatal(err)
		}
		begun := make(chan struct{})
		var first sync.Once
		var callers sync.WaitGroup
		for range 16 {
			callers.Go(func() {
				var err error
				for err == nil {
					err = kit.Call(context.Background(), c)
					first.Do(func() { close(begun) })
				}
				if !errors.Is(err, rpcerr.ErrClosed) {
					t.Error(err)
				}
			})
		}
		<-begun
		c.Close(kit.Over())
		callers.Wait()
		if pools := c.Runtime().Snapshot().Pools; len(pools) > 0 {
			t.Fatalf("got %+v after Close, want no pool", pools)
		}
	}
}

// A client that is called after Close leaves nothing in the actor system of its
// user.
func TestCallsAfterCloseLeaveNothing(t *testing.T) {
	system := actor.NewActorSystem()
	defer system.Shutdown()
	processes := func() (n int) {
		for _, bucket := range system.ProcessRegistry.LocalPIDs.LocalPIDs {
			n += bucket.Count()
		}
		return n
	}
	before := processes()
	c := kit.Start(t, api.WithActorSystem(system), api.WithAddress("127.0.0.1:1"))
	c.Close(kit.Over())
	if err := kit.Call(context.Background(), c); !errors.Is(err, rpcerr.ErrClosed) {
		t.Errorf("got %v, want %v", err, rpcerr.ErrClosed)
	}
	if got := processes(); got != before {
		t.Errorf("got %d processes afterwards, want the %d from before", got, before)
	}
}
