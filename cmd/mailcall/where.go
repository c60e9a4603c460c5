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

// whereFlags select the services' nodes and the transport.
//
//nolint:tagalign // one tag below the other would be wider than any screen
type whereFlags struct {
	Address   []string `placeholder:"HOST:PORT" env:"MAILCALL_ADDRESS" help:"Addresses of the nodes to call, separated by commas."`
	Registry  string   `placeholder:"URL" help:"Registry with the services: static:NAME=HOST:PORT,...;..., dns:, dns://NAME:PORT, nats://HOST:PORT, or memory."`
	Transport string   `default:"http" placeholder:"NAME" help:"Transport for nodes whose record names none: ${transports}, or nats://HOST:PORT (default: ${default})."`

	tlsFlags
}

// clientParts has the options of a client, and what must be closed after it.
type clientParts struct {
	opts   []api.Option
	things []any
}

func (g *clientParts) close() { closeAll(g.things) }

// add adds options, and a value that is closed at the end.
func (g *clientParts) add(thing any, opts ...api.Option) {
	g.things = append(g.things, thing)
	g.opts = append(g.opts, opts...)
}

// gather makes everything that is needed for calls to service.
func (w *whereFlags) gather(ctx context.Context, service string) (*clientParts, error) {
	w.Address = trimmed(w.Address)
	if err := w.check(ctx, service); err != nil {
		return nil, err
	}
	g := &clientParts{}
	if err := w.fill(ctx, g); err != nil {
		g.close()
		return nil, err
	}
	return g, nil
}

func (w *whereFlags) fill(ctx context.Context, g *clientParts) error {
	secure, err := w.config()
	if err != nil {
		return err
	}
	if w.Transport == memory && w.Registry == "" {
		return w.fillLocal(ctx, g)
	}
	if err := w.fillWires(g, secure); err != nil {
		return err
	}
	// With --registry, MAILCALL_ADDRESS is ignored.
	if w.Registry == "" {
		g.opts = append(g.opts, api.WithAddress(w.Address...))
		return nil
	}
	from, err := openSource(ctx, w.Registry, protocolOf(w.Transport))
	if err != nil {
		return err
	}
	g.add(from.Registry, api.WithAddress(), api.WithRegistry(from.Registry))
	if within, is := from.Registry.(*localGreeter); is {
		g.opts = append(g.opts, api.WithTransports(within.network))
	}
	return nil
}

// fillWires makes a transport for each kind of node that a registry may contain, and
// the default one.
func (w *whereFlags) fillWires(g *clientParts, secure *tls.Config) error {
	for _, other := range wires() {
		url, secure := "", secure
		if other.name == "nats" {
			secure = nil // the TLS flags are about nodes, not about the NATS server
			if strings.HasPrefix(w.Registry, "nats:") {
				url = w.Registry // the nodes of a NATS registry are on the same server
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

// fillLocal starts greeters in this process.
func (w *whereFlags) fillLocal(ctx context.Context, g *clientParts) error {
	addresses := w.Address
	if len(addresses) == 0 {
		addresses = []string{memory}
	}
	within, err := startLocal(ctx, addresses...)
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
		return usage("leave out one of the two", "--address and --registry both give the nodes of %s", service)
	case w.Registry == "" && len(w.Address) == 0 && w.Transport != memory:
		return usage("add --address HOST:PORT (or set MAILCALL_ADDRESS), or --registry; mailcall serve starts something to call",
			"where does %s run?", service)
	case (w.Transport == memory || w.Registry == memory) && w.wanted():
		return usage("leave out the TLS flags", "the memory transport stays within this process and has no TLS")
	case w.Registry != "":
		return nil // MAILCALL_ADDRESS is ignored, so it is not checked
	}
	for _, a := range w.Address {
		if err := w.checkAddress(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

// trimmed removes the spaces around addresses.
func trimmed(addresses []string) []string {
	var all []string
	for _, a := range addresses {
		all = append(all, strings.TrimSpace(a))
	}
	return all
}

const hintAddress = "an address is HOST:PORT, https://HOST[:PORT] or unix:/PATH; several are separated by commas"

// checkAddress reports an invalid address before anything is dialled.
func (w *whereFlags) checkAddress(ctx context.Context, a string) error {
	all := wires()
	i := slices.IndexFunc(all, func(known wire) bool { return known.name == w.Transport })
	if i < 0 || all[i].name == "nats" || all[i].isSocket(a) {
		return nil // the transport checks these forms
	}
	scheme, rest, found := strings.Cut(a, "://")
	switch scheme = strings.ToLower(scheme); {
	case !found:
		rest = a
	case scheme != "http" && scheme != "https":
		return usage(hintAddress, "--address %q: the scheme must be http or https, not %q", a, scheme)
	case scheme == "http" && w.wanted():
		return usage("write https:// or no scheme, or leave out the TLS flags", "--address %q asks for cleartext, the flags for TLS", a)
	}
	return checkHost(ctx, a, strings.TrimSuffix(rest, "/"), found || !all[i].port)
}

// checkHost checks an address without its scheme; bare says that the port is optional.
func checkHost(ctx context.Context, a, rest string, bare bool) error {
	odd := func(c rune) bool { return c <= ' ' || strings.ContainsRune(`/?#@"<>\`, c) }
	if i := strings.IndexFunc(rest, odd); i >= 0 {
		return usage(hintAddress, "--address %q: %q is not valid in a host or port", a, rest[i:i+1])
	}
	if bare && rest != "" && (!strings.Contains(rest, ":") || strings.HasSuffix(rest, "]")) {
		return nil
	}
	host, port, err := net.SplitHostPort(rest)
	if err != nil {
		return usage(hintAddress, "--address %q: %w", a, err)
	}
	if host == "" {
		return usage(hintAddress, "--address %q has no host", a)
	}
	if n, err := net.DefaultResolver.LookupPort(ctx, "tcp", port); err != nil || n == 0 {
		return usage(hintAddress, "--address %q: %q is not a port", a, port)
	}
	return nil
}
