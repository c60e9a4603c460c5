// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"

	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/registry"
	memregistry "example.com/mailcall/registry/memory"
	memtransport "example.com/mailcall/transport/memory"
)

// localGreeter is a greeter on the memory transport with a registry of it, for calls within
// this process.
type localGreeter struct {
	*memregistry.Registry
	network *memtransport.Network
	nodes   []*mailcalltest.Responder
}

// startLocal starts a greeter at each of the addresses.
func startLocal(ctx context.Context, addresses ...string) (*localGreeter, error) {
	i := &localGreeter{Registry: memregistry.New(), network: memtransport.New()}
	for _, address := range addresses {
		node := mailcalltest.NewGreeter(serviceName)
		if err := node.Listen(i.network, address); err != nil {
			return nil, errors.Join(usage("give each address once", "--address: %w", err), i.Close())
		}
		i.nodes = append(i.nodes, node)
		if err := i.Register(ctx, &registry.Service{Name: serviceName, Nodes: []*registry.Node{{
			ID: serviceName + "-" + address, Address: address,
			Metadata: map[string]string{"protocol": protocolMucp, "transport": memory},
		}}}, 0); err != nil {
			return nil, errors.Join(err, i.Close())
		}
	}
	return i, nil
}

// Close stops the greeters.
func (i *localGreeter) Close() error {
	var faults []error
	for _, node := range i.nodes {
		faults = append(faults, node.Close())
	}
	return errors.Join(faults...)
}
