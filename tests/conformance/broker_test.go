// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"context"
	"crypto/tls"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"example.com/mailcall/broker/http"
	"example.com/mailcall/broker/memory"
	"example.com/mailcall/tests/conformance"
)

func TestBrokers(t *testing.T) {
	for name, factory := range map[string]conformance.BrokerFactory{
		"memory": func(*testing.T) conformance.BrokerRig {
			b := memory.New()
			return conformance.BrokerRig{Publisher: b, Subscriber: b}
		},
		"http":  func(t *testing.T) conformance.BrokerRig { return brokersOverHTTP(t, nil) },
		"https": func(t *testing.T) conformance.BrokerRig { return brokersOverHTTP(t, security(t)) },
	} {
		t.Run(name, func(t *testing.T) { conformance.Broker(t, factory) })
	}
}

func brokersOverHTTP(t *testing.T, security *tls.Config) conformance.BrokerRig {
	t.Helper()
	known := &board{}
	var ends [2]*http.Broker
	for i := range ends {
		b, err := http.New(known, http.WithTLS(security))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := b.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
		ends[i] = b
	}
	return conformance.BrokerRig{Publisher: ends[0], Subscriber: ends[1]}
}

// board is a discovery that everybody reads.
type board struct {
	mu    sync.Mutex
	nodes map[string]http.Node
}

func (b *board) Nodes(context.Context, string) ([]http.Node, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Collect(maps.Values(b.nodes)), nil
}

func (b *board) Announce(_ context.Context, _ string, n http.Node, _ time.Duration) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.nodes == nil {
		b.nodes = make(map[string]http.Node)
	}
	b.nodes[n.ID] = n
	return nil
}

func (b *board) Withdraw(_ context.Context, _ string, n http.Node) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.nodes, n.ID)
	return nil
}
