// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"context"
	"testing"

	"example.com/mailcall/api"
	httpbroker "example.com/mailcall/broker/http"
	"example.com/mailcall/broker/memory"
	registry "example.com/mailcall/registry/memory"
	"example.com/mailcall/tests/conformance"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp"
)

func (b bare) Dial(ctx context.Context, address string) (transport.Conn, error) {
	c, err := b.Transport.Dial(ctx, address)
	if err != nil {
		return nil, err
	}
	return bareConn{c}, nil
}

// Every transport carries every kind of call under every content type, or it
// is said what it cannot. The log has the table.
func TestCalls(t *testing.T) {
	f := factories()
	limits := conformance.SilentEnds()
	conformance.Calls(t,
		conformance.Carrier{Name: "http", Factory: f["http"], Limits: limits},
		conformance.Carrier{Name: "https", Factory: f["https"], Limits: limits},
		conformance.Carrier{Name: "memory", Factory: f["memory"], Limits: limits},
		conformance.Carrier{Name: "tcp", Factory: overTCP(tcp.Own)},
		conformance.Carrier{Name: "tcp, gob", Factory: overTCP(tcp.Gob), Limits: limits},
		conformance.Carrier{Name: "your own", Factory: f["no more than the contract"], Limits: limits},
	)
}

func overTCP(wire tcp.Wire) conformance.Factory {
	return func(t *testing.T) conformance.Rig {
		over, err := tcp.New(tcp.WithWire(wire))
		if err != nil {
			t.Fatal(err)
		}
		return conformance.Rig{Transport: over, Listen: over.Listen, Address: "127.0.0.1:0"}
	}
}

// Every broker carries events of every content type.
func TestPublishing(t *testing.T) {
	conformance.Publishing(t,
		conformance.Courier{Name: "memory", Factory: func(*testing.T) conformance.BrokerRig {
			b := memory.New()
			return conformance.BrokerRig{Publisher: b, Subscriber: b}
		}},
		conformance.Courier{Name: "http", Factory: func(t *testing.T) conformance.BrokerRig {
			r := registry.New()
			return conformance.BrokerRig{Publisher: overHTTPBroker(t, r), Subscriber: overHTTPBroker(t, r)}
		}},
	)
}

func overHTTPBroker(t *testing.T, r *registry.Registry) *httpbroker.Broker {
	t.Helper()
	b, err := api.NewHTTPBroker(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}
