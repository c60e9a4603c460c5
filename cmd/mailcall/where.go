// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net"
	"os"
	"strings"

	"example.com/mailcall/api"
)

// whereFlags say where services run and how they are reached.
//
//nolint:tagalign // one tag below the other would be wider than any screen
type whereFlags struct {
	Address   []string `placeholder:"HOST:PORT" env:"MAILCALL_ADDRESS" help:"Nodes to call, separated by commas."`
	Registry  string   `placeholder:"URL" help:"Where services are found: static:NAME=HOST:PORT,...;..., dns:, dns://NAME:PORT, nats://HOST:PORT, or memory."`
	Transport string   `default:"http" placeholder:"NAME" help:"Transport of nodes that name none: ${transports}, or nats://HOST:PORT (default: ${default})."`
}

// gear is what a client is made of, and what is closed after it.
type gear struct {
	opts   []api.Option
	things []any
	grpc   bool // nodes that name no protocol speak gRPC
}

func (g *gear) close() { closeAll(g.things) }

// add takes a thing along that is closed at the end.
func (g *gear) add(thing any, opts ...api.Option) {
	g.things = append(g.things, thing)
	g.opts = append(g.opts, opts...)
}

// gather makes everything that calls to service need.
func (w *whereFlags) gather(ctx context.Context, service string) (*gear, error) {
	if err := w.check(service); err != nil {
		return nil, err
	}
	g := &gear{grpc: w.Transport == "grpc"}
	if err := w.fill(ctx, g); err != nil {
		g.close()
		return nil, err
	}
	return g, nil
}

func (w *whereFlags) fill(ctx context.Context, g *gear) error {
	if w.Transport == memory && w.Registry == "" {
		return w.fillInside(ctx, g)
	}
	for _, other := range wires() {
		url := "" // nodes that a NATS registry knows are on the same server
		if other.name == "nats" && strings.HasPrefix(w.Registry, "nats:") {
			url = w.Registry
		}
		t, err := other.open(url)
		if err != nil {
			return asUsage("check --registry", err)
		}
		g.add(t, api.WithTransports(t))
	}
	if w.Transport != memory {
		t, _, err := openWire(w.Transport)
		if err != nil {
			return err
		}
		g.add(t, api.WithTransport(t))
	}
	// An address of the environment does not stand in for the registry.
	if w.Registry == "" {
		g.opts = append(g.opts, api.WithAddress(w.Address...))
		return nil
	}
	from, err := openSource(ctx, w.Registry, protocolOf(w.Transport))
	if err != nil {
		return err
	}
	g.add(from.Registry, api.WithAddress(), api.WithRegistry(from.Registry))
	if within, is := from.Registry.(*inside); is {
		g.opts = append(g.opts, api.WithTransports(within.network))
	}
	return nil
}

// fillInside starts what is called within this process.
func (w *whereFlags) fillInside(ctx context.Context, g *gear) error {
	addresses := w.Address
	if len(addresses) == 0 {
		addresses = []string{memory}
	}
	within, err := openInside(ctx, addresses...)
	if err != nil {
		return err
	}
	g.add(within, api.WithTransport(within.network), api.WithAddress(addresses...))
	return nil
}

func (w *whereFlags) check(service string) error {
	given := len(w.Address) > 0 && strings.Join(w.Address, ",") != os.Getenv("MAILCALL_ADDRESS")
	switch {
	case w.Registry != "" && given:
		return usage("leave one of the two out", "--address and --registry both say where %s runs", service)
	case w.Registry == "" && len(w.Address) == 0 && w.Transport != memory:
		return usage("add --address HOST:PORT (or set MAILCALL_ADDRESS), or --registry; mailcall serve starts something to call",
			"where does %s run?", service)
	}
	for _, a := range w.Address {
		if err := w.checkAddress(a); err != nil {
			return err
		}
	}
	return nil
}

// checkAddress tells what is no address before anything is dialled. Forms with
// a scheme are the transport's to read.
func (w *whereFlags) checkAddress(a string) error {
	if strings.HasPrefix(a, "unix:") || strings.Contains(a, "://") {
		return nil
	}
	for _, known := range wires() {
		if known.name != w.Transport || !known.port {
			continue
		}
		if _, _, err := net.SplitHostPort(a); err != nil {
			return usage("an address is HOST:PORT, several are separated by commas", "--address %q: %w", a, err)
		}
	}
	return nil
}
