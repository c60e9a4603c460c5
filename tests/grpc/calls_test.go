// SPDX-License-Identifier: Apache-2.0

package grpc_test

import (
	"testing"

	"example.com/mailcall/tests/conformance"
	"example.com/mailcall/transport/grpc"
)

func TestCalls(t *testing.T) {
	conformance.Calls(t,
		conformance.Carrier{Name: "grpc", Factory: func(t *testing.T) conformance.Rig {
			g, err := grpc.New()
			if err != nil {
				t.Fatal(err)
			}
			return conformance.Rig{Transport: g, Listen: g.Listen, Address: "127.0.0.1:0"}
		}, Limits: []conformance.Limit{
			{ContentType: "application/json-rpc", Reason: "carry envelopes: gRPC says by itself what they say"},
			{ContentType: "application/proto-rpc", Reason: "carry envelopes: gRPC says by itself what they say"},
			{ContentType: "text/plain", Reason: "name a codec that is not application/NAME"},
		}},
		conformance.Carrier{Name: "mucp-grpc", Factory: func(t *testing.T) conformance.Rig {
			g, err := grpc.NewMucp()
			if err != nil {
				t.Fatal(err)
			}
			return conformance.Rig{Transport: g, Listen: g.Listen, Address: "127.0.0.1:0"}
		}, Limits: conformance.SilentEnds()},
	)
}
