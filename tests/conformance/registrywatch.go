// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"example.com/mailcall/registry"
)

// observed is a running watch.
type observed struct {
	lists chan string
	stop  func() error
}

// observe begins a watch. It ends at the latest with the test.
func (r RegistryRig) observe(t *testing.T, service string) *observed {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	o := &observed{lists: make(chan string)}
	result := make(chan error, 1)
	var calls sync.Mutex
	go func() {
		result <- r.Registry.Watch(ctx, service, func(list []*registry.Service) {
			if !calls.TryLock() {
				t.Error("got two calls at a time, want one after the other")
				return
			}
			defer calls.Unlock()
			select {
			case o.lists <- nodesOf(list):
			case <-ctx.Done():
			}
		})
	}()
	o.stop = sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-result:
			return err
		case <-time.After(patience):
			return fmt.Errorf("the watch goes on %s after its context ended", patience)
		}
	})
	t.Cleanup(func() { _ = o.stop() })
	return o
}

// finally waits until the watch reports want.
func (o *observed) finally(t *testing.T, want string) {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	last := "nothing"
	for last != want {
		select {
		case last = <-o.lists:
		case <-timer.C:
			t.Fatalf("got %q from the watch in %s, want %q", last, patience, want)
		}
	}
}

func testRegistryWatchEnds(t *testing.T, r RegistryRig) {
	for _, service := range []string{"known", "absent"} {
		if err := r.observe(t, service).stop(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want %v", service, err, context.Canceled)
		}
	}
}
