// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/tls"
	"io"
	"slices"
	"strings"

	"example.com/mailcall/api"
	"example.com/mailcall/broker"
	brokerhttp "example.com/mailcall/broker/http"
	"example.com/mailcall/contrib/nats"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/grpc"
	"example.com/mailcall/transport/http"
	"example.com/mailcall/transport/tcp"
)

// This file lists what the command line supports: a new transport, broker or registry
// is added here.

// wire is a transport.
type wire struct {
	name string
	// port says that addresses are HOST:PORT, so that a missing port is reported before
	// dialling.
	port bool
	// open makes the transport. url is that of a message server, "" for none; with a
	// nil secure the address decides about TLS.
	open func(url string, secure *tls.Config) (transport.Transport, error)
}

// isSocket reports whether an address is the path of a unix socket, which may be
// relative in gRPC's form.
func (w wire) isSocket(address string) bool {
	path, is := strings.CutPrefix(address, "unix:")
	absolute := strings.HasPrefix(path, "/") || strings.HasPrefix(path, "@")
	return is && (absolute || path != "" && strings.HasSuffix(w.name, "grpc"))
}

// wires returns the transports, the default first.
func wires() []wire {
	return []wire{
		{"http", true, func(_ string, c *tls.Config) (transport.Transport, error) { return http.New(http.WithTLS(c)) }},
		{"tcp", true, func(_ string, c *tls.Config) (transport.Transport, error) { return tcp.New(tcp.WithTLS(c)) }},
		// A name without a port means TLS here, as in go-micro.
		{"grpc", false, func(_ string, c *tls.Config) (transport.Transport, error) { return grpc.New(grpc.WithTLS(c)) }},
		{"mucp-grpc", true, func(_ string, c *tls.Config) (transport.Transport, error) { return grpc.NewMucp(grpc.WithTLS(c)) }},
		{"nats", false, openNATSTransport},
	}
}

func openNATSTransport(url string, secure *tls.Config) (transport.Transport, error) {
	return nats.NewTransport(natsWith(url, secure)...)
}

// registryKind is a kind of registry.
type registryKind struct {
	form string // the form of the flag, for messages
	// open makes the registry from what follows the colon. protocol is that of its
	// nodes, for registries that do not record it.
	open func(rest, protocol string) (source, error)
}

// registryKinds returns the registries by the prefix before the colon.
func registryKinds() map[string]registryKind {
	return map[string]registryKind{
		"static": {"static:NAME=HOST:PORT,...;NAME=...", openStatic},
		"dns":    {"dns:, dns://NAME:PORT, dns://_SERVICE._PROTO.NAME", openDNS},
		"nats":   {"nats://HOST:PORT", openNATS},
		memory:   {memory, nil}, // the greeter of this process, see local.go
	}
}

// brokerKind is a kind of broker.
type brokerKind struct {
	name string
	// open makes the broker. at is --broker-address, from is the registry with the
	// subscribers; with a nil secure the address decides about TLS.
	open func(at string, from *source, secure *tls.Config) (broker.Broker, error)
}

// brokerKinds returns the brokers.
func brokerKinds() []brokerKind {
	return []brokerKind{
		{"http", openHTTPBroker},
		{"nats", func(at string, _ *source, c *tls.Config) (broker.Broker, error) {
			return nats.NewBroker(natsWith(at, c)...)
		}},
	}
}

func openHTTPBroker(at string, from *source, secure *tls.Config) (broker.Broker, error) {
	if from == nil {
		return nil, usage("add --registry nats://HOST:PORT", "the http broker needs a registry to find subscribers")
	}
	opts := []brokerhttp.Option{brokerhttp.WithTLS(secure)}
	if at != "" {
		opts = append(opts, brokerhttp.WithListen(at))
	}
	return api.NewHTTPBroker(from.Registry, opts...)
}

// natsAt returns the options for the server at url, the default server for "".
func natsAt(url string) []nats.Option {
	if url == "" {
		return nil
	}
	return []nats.Option{nats.WithURL(strings.Split(url, ",")...)}
}

// natsWith returns the same with a TLS configuration; with nil the URL decides.
func natsWith(url string, secure *tls.Config) []nats.Option {
	opts := natsAt(url)
	if secure != nil {
		opts = append(opts, nats.WithTLS(secure))
	}
	return opts
}

// memory is the name of the in-process transport and of its registry.
const memory = "memory"

// openWire makes the transport of spec: a name, or the URL of a message server.
func openWire(spec string, secure *tls.Config) (transport.Transport, wire, error) {
	name, url := spec, ""
	if scheme, _, is := strings.Cut(spec, "://"); is {
		name, url = scheme, spec
	}
	all := wires()
	i := slices.IndexFunc(all, func(w wire) bool { return w.name == name })
	if i < 0 || url != "" && name != "nats" {
		return nil, wire{}, usage("use one of "+transportNames()+", or nats://HOST:PORT", "unknown transport %q", spec)
	}
	t, err := all[i].open(url, secure)
	if err != nil {
		return nil, wire{}, usage("use one of "+transportNames(), "--transport %s: %w", spec, err)
	}
	return t, all[i], nil
}

func transportNames() string {
	var names []string
	for _, w := range wires() {
		names = append(names, w.name)
	}
	return strings.Join(append(names, memory), ", ")
}

// openBroker makes the broker of spec.
func openBroker(spec, at string, from *source, secure *tls.Config) (broker.Broker, error) {
	name := spec
	if scheme, _, is := strings.Cut(spec, "://"); is {
		if at != "" {
			return nil, usage("leave out one of the two", "--broker %s and --broker-address %s both give an address", spec, at)
		}
		name, at = scheme, spec
	}
	var names []string
	for _, p := range brokerKinds() {
		if p.name == name && (name == "nats" || name == spec) {
			b, err := p.open(at, from, secure)
			if err != nil {
				return nil, asUsage("check --broker and --broker-address", err)
			}
			return b, nil
		}
		names = append(names, p.name)
	}
	return nil, usage("use one of "+strings.Join(names, ", ")+", or nats://HOST:PORT", "unknown broker %q", spec)
}

// closeAll closes all that can be closed, in reverse order.
func closeAll(things []any) {
	for _, v := range slices.Backward(things) {
		if c, is := v.(io.Closer); is {
			_ = c.Close() // the process is about to end
		}
	}
}
