// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"example.com/mailcall/internal/clock"
	"example.com/mailcall/messages"
	"example.com/mailcall/registry"
)

// member is what the state knows about one node.
type member struct {
	node      *messages.Node
	latency   float64       // ns, moving average
	success   float64       // 0..1, moving average
	known     bool          // the latency was observed and is not a guess
	seen      clock.Instant // of the last answer, fault or fading of the averages
	answers   int64         // how many it has given
	once      bool          // it was observed only once
	suspect   bool          // its last answer took far longer than those before
	heard     clock.Instant // of the last answer
	missed    int64         // answers of the other nodes since then
	warming   bool          // it gets less than its full share, see warm
	warmed    clock.Instant // start of the slow start; 0: set by the next review
	faults    int           // consecutive ones
	ejections int           // consecutive ones
	until     clock.Instant // end of the ejection
}

// nodeKey identifies a node from one list to the next.
type nodeKey struct{ id, address string }

func keyOf(n *messages.Node) nodeKey { return nodeKey{n.ID, n.Address} }

func (m *member) key() nodeKey { return keyOf(m.node) }

func newMember(name string, service *registry.Service, r *registry.Node, transport string) *member {
	protocol := protocolOf(r)
	n := &messages.Node{
		ID: r.ID, Service: name,
		Address: r.Address, Transport: transportOf(r, protocol, transport),
	}
	n.SetRecord(&messages.Record{Node: r, Version: service.Version})
	// A transport named grpc is native gRPC here; go-micro's is mucp-grpc.
	n.Native = protocol == native || n.Transport == native
	n.Legacy = protocol == "" && !n.Native
	m := &member{node: n, latency: initialLatency, success: 1}
	m.publish()
	return m
}

// native is the name of native gRPC, both as a protocol and as a transport.
const native = "grpc"

// protocolOf returns the protocol in a node's record. A node that names none but
// says that its server is gRPC's speaks native gRPC.
func protocolOf(r *registry.Node) string {
	protocol := r.Metadata["protocol"]
	if protocol == "" && r.Metadata["server"] == native {
		return native
	}
	return protocol
}

// transportOf returns the transport in a node's record, or fallback if there is
// none. Two kinds of servers name their transport grpc, and only the protocol
// tells them apart: without one it is go-micro's grpc transport.
func transportOf(r *registry.Node, protocol, fallback string) string {
	switch t := r.Metadata["transport"]; {
	case t == native && protocol != native:
		return "mucp-grpc"
	case t == "" && protocol == native:
		return native
	case t == "":
		return fallback
	default:
		return t
	}
}
