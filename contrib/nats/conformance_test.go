// SPDX-License-Identifier: Apache-2.0

package nats_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"example.com/mailcall/contrib/nats"
	"example.com/mailcall/tests/conformance"
	"example.com/mailcall/transport"
)

func TestBrokerConformance(t *testing.T) {
	s := start(t, nil)
	conformance.Broker(t, func(t *testing.T) conformance.BrokerRig {
		return conformance.BrokerRig{Publisher: newBroker(t, s.ClientURL()), Subscriber: newBroker(t, s.ClientURL())}
	})
}

// The broker, registry and transport of a program can share one connection.
func TestBrokerConformanceOverOneConnection(t *testing.T) {
	s := start(t, nil)
	conformance.Broker(t, func(t *testing.T) conformance.BrokerRig {
		b := newBroker(t, s.ClientURL(), nats.WithConn(connect(t, s)))
		return conformance.BrokerRig{Publisher: b, Subscriber: b}
	})
}

func TestTransportConformance(t *testing.T) {
	s := start(t, nil)
	conformance.Transport(t, func(t *testing.T) conformance.Rig {
		tr := newTransport(t, s.ClientURL())
		return conformance.Rig{Transport: attentive{tr, s}, Listen: tr.Listen, Address: ""}
	})
}

// attentive fails to dial a subject without a listener. NATS reports that only for the
// first message (TestNobodyListens), but the embedded server can be asked.
type attentive struct {
	*nats.Transport

	server *server.Server
}

func (a attentive) Dial(ctx context.Context, address string) (transport.Conn, error) {
	if ctx.Err() == nil && !a.server.GlobalAccount().SubscriptionInterest(address) {
		return nil, fmt.Errorf("nobody listens at %s", address)
	}
	return a.Transport.Dial(ctx, address)
}
