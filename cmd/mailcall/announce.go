// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"example.com/mailcall/registry"
	"example.com/mailcall/rpcerr"
)

const (
	// lease is how long a registration holds, and refresh how often it is
	// repeated; go-micro's values.
	lease   = 90 * time.Second
	refresh = 30 * time.Second
	// registerWithin bounds one registration.
	registerWithin = 5 * time.Second
)

// announce registers the node, if a registry is named, and keeps it there
// until leave is called.
func (c *serveCmd) announce(ctx context.Context, s streams, address string, transport string) (leave func() error, err error) {
	if c.Registry == "" {
		return func() error { return nil }, nil
	}
	if unspecified(address) {
		return nil, usage("name an address that callers can reach", "%s cannot be registered: it is every address of this machine", address)
	}
	to, err := openSource(ctx, c.Registry, protocolMucp)
	if err != nil {
		return nil, err
	}
	if to.registrar == nil {
		closeAll([]any{to.Registry})
		return nil, usage("nats://HOST:PORT takes registrations", "nothing can be registered with --registry %s", c.Registry)
	}
	a := &announcement{serveCmd: c, to: to, service: nodeRecord(c.Name, address, transport)}
	if err := a.register(ctx); err != nil {
		closeAll([]any{to.Registry})
		return nil, &rpcerr.CallError{Service: c.Name, Endpoint: "register", Err: fmt.Errorf("%w: %w", rpcerr.ErrRegistryUnavailable, err)}
	}
	return a.keep(ctx, s), nil
}

// announcement is one node in one registry.
type announcement struct {
	*serveCmd

	to      *source
	service *registry.Service
}

func (a *announcement) register(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, registerWithin)
	defer cancel()
	return a.to.registrar.Register(ctx, a.service, lease)
}

// keep repeats the registration until leave is called, which takes it back.
func (a *announcement) keep(ctx context.Context, s streams) (leave func() error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var keeper sync.WaitGroup
	keeper.Go(func() {
		tick := time.NewTicker(refresh)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if err := a.register(ctx); err != nil && ctx.Err() == nil {
				sayf(s.err, "mailcall: cannot register again, trying on: %v\n", err)
			}
		}
	})
	return func() error { //nolint:contextcheck // it must deregister after ctx has ended, too
		cancel()
		keeper.Wait()
		defer closeAll([]any{a.to.Registry})
		ctx, done := context.WithTimeout(context.Background(), registerWithin)
		defer done()
		if err := a.to.registrar.Deregister(ctx, a.service); err != nil {
			return &rpcerr.CallError{Service: a.Name, Endpoint: "deregister", Err: fmt.Errorf("%w: %w", rpcerr.ErrRegistryUnavailable, err)}
		}
		return nil
	}
}

// nodeRecord is the record of one node in the form of go-micro's servers.
func nodeRecord(name, address, transport string) *registry.Service {
	protocol := protocolOf(transport)
	if transport == "mucp-grpc" {
		transport = "grpc" // the protocol tells it apart from gRPC itself
	}
	return &registry.Service{Name: name, Version: "latest", Nodes: []*registry.Node{{
		ID: name + "-" + rand.Text(), Address: address,
		Metadata: map[string]string{"protocol": protocol, "transport": transport, "server": protocol},
	}}}
}

// unspecified reports whether an address is all those of the machine.
func unspecified(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip.IsUnspecified()
}
