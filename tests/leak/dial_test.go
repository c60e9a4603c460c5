// SPDX-License-Identifier: Apache-2.0

package leak_test

import (
	"context"
	"errors"
	"sync"
	"testing"

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
