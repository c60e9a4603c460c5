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
	// lease is the ttl of a registration, and refresh how often it is repeated; both
	// are go-micro's defaults.
	lease   = 90 * time.Second
	refresh = 30 * time.Second
	// registerWithin bounds one registration.
	registerWithin = 5 * time.Second
)

// announce registers the node, if there is a --registry, and repeats that until leave
// is called.
func (c *serveCmd) announce(ctx context.Context, s streams, address string, transport string) (leave func() error, err error) {
	if c.Registry == "" {
		return func() error { return nil }, nil
	}
	if unspecified(address) {
		return nil, usage("set --address to one that callers can reach", "%s cannot be registered: it stands for all addresses of this machine", address)
	}
	to, err := openSource(ctx, c.Registry, protocolMucp)
	if err != nil {
		return nil, err
	}
	if to.registrar == nil {
		closeAll([]any{to.Registry})
		return nil, usage("use --registry nats://HOST:PORT", "--registry %s does not accept registrations", c.Registry)
	}
	a := &announcement{serveCmd: c, to: to, service: nodeRecord(c.Name, address, transport)}
	if err := a.register(ctx); err != nil {
		closeAll([]any{to.Registry})
		return nil, &rpcerr.CallError{Service: c.Name, Endpoint: "register", Err: fmt.Errorf("%w: %w", rpcerr.ErrRegistryUnavailable, err)}
	}
	return a.keep(ctx, s), nil
}

// announcement is the registration of one node in one registry.
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

// keep repeats the registration until leave is called, which deregisters the node.
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
				sayf(s.err, "mailcall: cannot renew the registration, will retry: %v\n", err)
			}
		}
	})
	return func() error { //nolint:contextcheck // it must deregister even after ctx has ended
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

// nodeRecord returns the record of one node in the form of go-micro's servers.
func nodeRecord(name, address, transport string) *registry.Service {
	protocol := protocolOf(transport)
	if transport == "mucp-grpc" {
		transport = "grpc" // the protocol distinguishes it from native gRPC
	}
	return &registry.Service{Name: name, Version: "latest", Nodes: []*registry.Node{{
		ID: name + "-" + rand.Text(), Address: address,
		Metadata: map[string]string{"protocol": protocol, "transport": transport, "server": protocol},
	}}}
}

// unspecified reports whether an address stands for all addresses of the machine.
func unspecified(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip.IsUnspecified()
}
