// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/tls"
	"io"
	"slices"
	"strings"

	"example.com/mailcall/broker"
	brokerhttp "example.com/mailcall/broker/http"
	"example.com/mailcall/contrib/nats"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/grpc"
	"example.com/mailcall/transport/http"
	"example.com/mailcall/transport/tcp"
)

// This file is the table of what the command line can speak: whoever adds a
// transport, a broker or a registry adds a line here.

// wire is one transport.
type wire struct {
	name string
	// port says that its addresses are HOST:PORT, so that one without a port
	// is told before anything is dialled.
	port bool
	// open makes it. url is that of a server in the middle, "" for none;
	// secure is nil to do what addresses ask for.
	open func(url string, secure *tls.Config) (transport.Transport, error)
}

// isSocket reports whether an address is the path of a unix socket, which may
// be relative in gRPC's own form of it.
func (w wire) isSocket(address string) bool {
	path, is := strings.CutPrefix(address, "unix:")
	absolute := strings.HasPrefix(path, "/") || strings.HasPrefix(path, "@")
	return is && (absolute || path != "" && strings.HasSuffix(w.name, "grpc"))
}

// wires are the transports, the default first.
func wires() []wire {
	return []wire{
		{"http", true, func(_ string, c *tls.Config) (transport.Transport, error) { return http.New(http.WithTLS(c)) }},
		{"tcp", true, func(_ string, c *tls.Config) (transport.Transport, error) { return tcp.New(tcp.WithTLS(c)) }},
		// A name without a port means TLS here, as go-micro has it.
		{"grpc", false, func(_ string, c *tls.Config) (transport.Transport, error) { return grpc.New(grpc.WithTLS(c)) }},
		{"mucp-grpc", true, func(_ string, c *tls.Config) (transport.Transport, error) { return grpc.NewMucp(grpc.WithTLS(c)) }},
		{"nats", false, openNATSTransport},
	}
}

func openNATSTransport(url string, secure *tls.Config) (transport.Transport, error) {
	return nats.NewTransport(natsWith(url, secure)...)
}

// directory is one kind of registry.
type directory struct {
	form string // of the flag, for people
	// open makes it of what follows the colon. protocol is what its nodes
	// speak where it cannot know.
	open func(rest, protocol string) (source, error)
}

// directories are the registries, by the word before the colon.
func directories() map[string]directory {
	return map[string]directory{
		"static": {"static:NAME=HOST:PORT,...;NAME=...", openStatic},
		"dns":    {"dns:, dns://NAME:PORT, dns://_SERVICE._PROTO.NAME", openDNS},
		"nats":   {"nats://HOST:PORT", openNATS},
		memory:   {memory, nil}, // what runs in this process, see inside.go
	}
}

// post is one kind of broker.
type post struct {
	name string
	// open makes it. at is --broker-address, from where subscribers are found,
	// secure nil to do what addresses ask for.
	open func(at string, from *source, secure *tls.Config) (broker.Broker, error)
}

// posts are the brokers.
func posts() []post {
	return []post{
		{"http", openHTTPBroker},
		{"nats", func(at string, _ *source, c *tls.Config) (broker.Broker, error) {
			return nats.NewBroker(natsWith(at, c)...)
		}},
	}
}

func openHTTPBroker(at string, from *source, secure *tls.Config) (broker.Broker, error) {
	if from == nil {
		return nil, usage("add --registry nats://HOST:PORT", "the http broker finds subscribers through a registry, and there is none")
	}
	opts := []brokerhttp.Option{brokerhttp.WithTLS(secure)}
	if at != "" {
		opts = append(opts, brokerhttp.WithListen(at))
	}
	if from.registrar == nil { // enough to publish
		return brokerhttp.New(lookups{from.Registry}, opts...)
	}
	return brokerhttp.New(announcements{lookups{from.Registry}, from.registrar}, opts...)
}

// natsAt are the options for the server at url, the default one for "".
func natsAt(url string) []nats.Option {
	if url == "" {
		return nil
	}
	return []nats.Option{nats.WithURL(strings.Split(url, ",")...)}
}

// natsWith are the same with a configuration of TLS, nil for what the URL says.
func natsWith(url string, secure *tls.Config) []nats.Option {
	opts := natsAt(url)
	if secure != nil {
		opts = append(opts, nats.WithTLS(secure))
	}
	return opts
}

// memory is the name of the transport and the registry within this process.
const memory = "memory"

// openWire makes the transport that spec asks for: a name, or the URL of a
// server in the middle.
func openWire(spec string, secure *tls.Config) (transport.Transport, wire, error) {
	name, url := spec, ""
	if scheme, _, is := strings.Cut(spec, "://"); is {
		name, url = scheme, spec
	}
	all := wires()
	i := slices.IndexFunc(all, func(w wire) bool { return w.name == name })
	if i < 0 || url != "" && name != "nats" {
		return nil, wire{}, usage("it is one of "+transportNames()+", or nats://HOST:PORT", "there is no transport %q", spec)
	}
	t, err := all[i].open(url, secure)
	if err != nil {
		return nil, wire{}, usage("it is one of "+transportNames(), "--transport %s: %w", spec, err)
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

// openBroker makes the broker that is asked for.
func openBroker(spec, at string, from *source, secure *tls.Config) (broker.Broker, error) {
	name := spec
	if scheme, _, is := strings.Cut(spec, "://"); is {
		if at != "" {
			return nil, usage("leave one of the two out", "--broker %s and --broker-address %s both say where it is", spec, at)
		}
		name, at = scheme, spec
	}
	var names []string
	for _, p := range posts() {
		if p.name == name && (name == "nats" || name == spec) {
			b, err := p.open(at, from, secure)
			if err != nil {
				return nil, asUsage("check --broker and --broker-address", err)
			}
			return b, nil
		}
		names = append(names, p.name)
	}
	return nil, usage("it is one of "+strings.Join(names, ", ")+", or nats://HOST:PORT", "there is no broker %q", spec)
}

// closeAll closes what can be closed, the last first.
func closeAll(things []any) {
	for _, v := range slices.Backward(things) {
		if c, is := v.(io.Closer); is {
			_ = c.Close() // the process is about to end
		}
	}
}
