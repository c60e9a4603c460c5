// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"slices"
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

	tlsFlags
}

// gear is what a client is made of, and what is closed after it.
type gear struct {
	opts   []api.Option
	things []any
}

func (g *gear) close() { closeAll(g.things) }

// add takes a thing along that is closed at the end.
func (g *gear) add(thing any, opts ...api.Option) {
	g.things = append(g.things, thing)
	g.opts = append(g.opts, opts...)
}

// gather makes everything that calls to service need.
func (w *whereFlags) gather(ctx context.Context, service string) (*gear, error) {
	w.Address = trimmed(w.Address)
	if err := w.check(ctx, service); err != nil {
		return nil, err
	}
	g := &gear{}
	if err := w.fill(ctx, g); err != nil {
		g.close()
		return nil, err
	}
	return g, nil
}

func (w *whereFlags) fill(ctx context.Context, g *gear) error {
	secure, err := w.config()
	if err != nil {
		return err
	}
	if w.Transport == memory && w.Registry == "" {
		return w.fillInside(ctx, g)
	}
	if err := w.fillWires(g, secure); err != nil {
		return err
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

// fillWires makes a transport for each kind of node that a registry may name,
// and the one of those that name none.
func (w *whereFlags) fillWires(g *gear, secure *tls.Config) error {
	for _, other := range wires() {
		url, secure := "", secure
		if other.name == "nats" {
			secure = nil // the flags are about nodes, not about the server that the registry names
			if strings.HasPrefix(w.Registry, "nats:") {
				url = w.Registry // nodes that a NATS registry knows are on the same server
			}
		}
		t, err := other.open(url, secure)
		if err != nil {
			return asUsage("check --registry", err)
		}
		g.add(t, api.WithTransports(t))
	}
	if w.Transport == memory {
		return nil
	}
	t, _, err := openWire(w.Transport, secure)
	if err != nil {
		return err
	}
	g.add(t, api.WithTransport(t))
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

func (w *whereFlags) check(ctx context.Context, service string) error {
	given := len(w.Address) > 0 && !slices.Equal(w.Address, trimmed(strings.Split(os.Getenv("MAILCALL_ADDRESS"), ",")))
	switch {
	case w.Registry != "" && given:
		return usage("leave one of the two out", "--address and --registry both say where %s runs", service)
	case w.Registry == "" && len(w.Address) == 0 && w.Transport != memory:
		return usage("add --address HOST:PORT (or set MAILCALL_ADDRESS), or --registry; mailcall serve starts something to call",
			"where does %s run?", service)
	case (w.Transport == memory || w.Registry == memory) && w.wanted():
		return usage("leave the flags of TLS out", "nothing leaves this process over memory, and there is no TLS in it")
	case w.Registry != "":
		return nil // an address of the environment is not used, whatever it is
	}
	for _, a := range w.Address {
		if err := w.checkAddress(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

// trimmed takes off the blanks that people write after a comma.
func trimmed(addresses []string) []string {
	var all []string
	for _, a := range addresses {
		all = append(all, strings.TrimSpace(a))
	}
	return all
}

const hintAddress = "an address is HOST:PORT, https://HOST[:PORT] or unix:/PATH; several are separated by commas"

// checkAddress tells what is no address before anything is dialled.
func (w *whereFlags) checkAddress(ctx context.Context, a string) error {
	all := wires()
	i := slices.IndexFunc(all, func(known wire) bool { return known.name == w.Transport })
	if i < 0 || all[i].name == "nats" || all[i].isSocket(a) {
		return nil // forms that are the transport's to read
	}
	scheme, rest, found := strings.Cut(a, "://")
	switch scheme = strings.ToLower(scheme); {
	case !found:
		rest = a
	case scheme != "http" && scheme != "https":
		return usage(hintAddress, "--address %q: the scheme is http or https, not %q", a, scheme)
	case scheme == "http" && w.wanted():
		return usage("write https:// or no scheme, or leave the flags of TLS out", "--address %q asks for cleartext, the flags for TLS", a)
	}
	return checkHost(ctx, a, strings.TrimSuffix(rest, "/"), found || !all[i].port)
}

// checkHost checks the part of an address without its scheme; bare says that
// it may have no port.
func checkHost(ctx context.Context, a, rest string, bare bool) error {
	odd := func(c rune) bool { return c <= ' ' || strings.ContainsRune(`/?#@"<>\`, c) }
	if i := strings.IndexFunc(rest, odd); i >= 0 {
		return usage(hintAddress, "--address %q: %q is neither in a host nor in a port", a, rest[i:i+1])
	}
	if bare && rest != "" && (!strings.Contains(rest, ":") || strings.HasSuffix(rest, "]")) {
		return nil
	}
	host, port, err := net.SplitHostPort(rest)
	if err != nil {
		return usage(hintAddress, "--address %q: %w", a, err)
	}
	if host == "" {
		return usage(hintAddress, "--address %q names no host", a)
	}
	if n, err := net.DefaultResolver.LookupPort(ctx, "tcp", port); err != nil || n == 0 {
		return usage(hintAddress, "--address %q: %q is no port", a, port)
	}
	return nil
}
