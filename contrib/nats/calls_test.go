// SPDX-License-Identifier: Apache-2.0

package nats_test

import (
	"testing"

	"example.com/mailcall/tests/conformance"
)

func TestCalls(t *testing.T) {
	s := start(t, nil)
	conformance.Calls(t, conformance.Carrier{Name: "nats", Factory: func(t *testing.T) conformance.Rig {
		tr := newTransport(t, s.ClientURL())
		return conformance.Rig{Transport: tr, Listen: tr.Listen, Address: ""}
	}, Limits: conformance.SilentEnds()})
}

func TestPublishing(t *testing.T) {
	s := start(t, nil)
	conformance.Publishing(t, conformance.Courier{Name: "nats", Factory: func(t *testing.T) conformance.BrokerRig {
		return conformance.BrokerRig{Publisher: newBroker(t, s.ClientURL()), Subscriber: newBroker(t, s.ClientURL())}
	}})
}
