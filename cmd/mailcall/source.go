// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.com/mailcall/contrib/nats"
	"example.com/mailcall/registry"
	"example.com/mailcall/registry/dns"
	"example.com/mailcall/registry/static"
)

// source is a registry as --registry names it.
type source struct {
	registry.Registry
	registrar registry.Registrar // nil if nothing can be registered there
}

// The protocols of nodes (go-micro wire, section 11).
const (
	protocolMucp = "mucp"
	protocolGRPC = "grpc"
)

// protocolOf is what a node speaks that is reached over the transport.
func protocolOf(transport string) string {
	if transport == "grpc" {
		return protocolGRPC
	}
	return protocolMucp
}

// openSource makes the registry that spec asks for.
func openSource(ctx context.Context, spec, protocol string) (*source, error) {
	scheme, rest, _ := strings.Cut(spec, ":")
	kind, known := directories()[scheme]
	if !known {
		return nil, usage("it is one of "+registryForms(), "--registry %q: there is no such registry", spec)
	}
	if kind.open == nil {
		s, err := openInside(ctx, memory)
		if err != nil {
			return nil, err
		}
		return &source{Registry: s}, nil
	}
	s, err := kind.open(rest, protocol)
	if err != nil {
		return nil, asUsage("its form is "+kind.form, err)
	}
	return &s, nil
}

func registryForms() string {
	all := directories()
	var forms []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		forms = append(forms, all[name].form)
	}
	return strings.Join(forms, "; ")
}

// openStatic makes a registry of "greeter=127.0.0.1:9001,127.0.0.1:9002".
func openStatic(rest, protocol string) (source, error) {
	services := make(map[string][]string)
	for entry := range strings.SplitSeq(rest, ";") {
		name, addresses, is := strings.Cut(entry, "=")
		if !is || name == "" || addresses == "" {
			return source{}, fmt.Errorf("--registry static: %q does not say NAME=ADDRESS", entry)
		}
		for address := range strings.SplitSeq(addresses, ",") {
			if address == "" {
				return source{}, fmt.Errorf("--registry static: %s has an empty address", name)
			}
			services[name] = append(services[name], address)
		}
	}
	return source{Registry: spoken{static.Of(services), protocol}}, nil
}

// openDNS makes a registry of nothing, where the name of a service is looked
// up, or of "//target", where every service is found.
func openDNS(rest, protocol string) (source, error) {
	opts := []dns.Option{dns.WithMetadata(map[string]string{"protocol": protocol})}
	target, is := strings.CutPrefix(rest, "//")
	if rest != "" && (!is || target == "" || strings.Contains(target, "/")) {
		return source{}, errors.New("--registry dns:" + rest + " names no target")
	}
	r, err := dns.New(opts...)
	if err != nil {
		return source{}, err
	}
	if target == "" {
		return source{Registry: r}, nil
	}
	return source{Registry: aimed{r, target}}, nil
}

func openNATS(rest, _ string) (source, error) {
	if server, is := strings.CutPrefix(rest, "//"); !is || server == "" {
		return source{}, errors.New("--registry nats:" + rest + " names no server")
	}
	r, err := nats.NewRegistry(natsAt("nats:" + rest)...)
	if err != nil {
		return source{}, err
	}
	return source{r, r}, nil
}

// asUsage makes a fault of the command line of err if it is none yet.
func asUsage(hint string, err error) error {
	if _, is := errors.AsType[*usageError](err); is {
		return err
	}
	return usage(hint, "%w", err)
}
