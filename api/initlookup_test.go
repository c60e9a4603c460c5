// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"strings"
	"testing"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/registry"
	"example.com/mailcall/registry/static"
)

// gated is a registry whose answers wait until open is closed.
type gated struct {
	registry.Registry
	asked chan struct{}
	open  chan struct{}
}

func (h gated) Lookup(ctx context.Context, service string) ([]*registry.Service, error) {
	h.asked <- struct{}{}
	select {
	case <-h.open:
		return h.Registry.Lookup(ctx, service)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// A call that waits for the first answer of the registry goes on waiting for
// it, whatever Init says meanwhile.
func TestInitDuringTheFirstLookup(t *testing.T) {
	server := mailcalltest.Start(t)
	r := gated{static.New("greeter", server.Address()), make(chan struct{}, 10), make(chan struct{})}
	c := start(t, api.WithRegistry(r))
	answered := make(chan error, 1)
	go func() { answered <- greetAnn(within(t), c) }()
	await(t, "the lookup", r.asked)
	selector := func() (received int64) {
		for _, a := range c.Runtime().Snapshot().Actors {
			if strings.Contains(a.ID, "selector-greeter") {
				received = a.Received
			}
		}
		return received
	}
	before := selector()
	if err := c.Init(api.WithRetries(1)); err != nil {
		t.Fatal(err)
	}
	until(t, "the selector to hear of it", func() bool { return selector() > before })
	close(r.open)
	if err := await(t, "the answer", answered); err != nil {
		t.Errorf("got %v, want the call to go on as it began", err)
	}
}
