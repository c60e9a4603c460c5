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

// source is the registry of --registry.
type source struct {
	registry.Registry
	registrar registry.Registrar // nil if it does not accept registrations
}

// The protocols of nodes, as in their metadata.
const (
	protocolMucp = "mucp"
	protocolGRPC = "grpc"
)

// protocolOf returns the protocol of nodes that are reached over the transport.
func protocolOf(transport string) string {
	if transport == "grpc" {
		return protocolGRPC
	}
	return protocolMucp
}

// openSource makes the registry of spec.
func openSource(ctx context.Context, spec, protocol string) (*source, error) {
	scheme, rest, _ := strings.Cut(spec, ":")
	kind, known := registryKinds()[scheme]
	if !known {
		return nil, usage("use one of "+registryForms(), "--registry %q: unknown registry", spec)
	}
	if kind.open == nil {
		s, err := startLocal(ctx, memory)
		if err != nil {
			return nil, err
		}
		return &source{Registry: s}, nil
	}
	s, err := kind.open(rest, protocol)
	if err != nil {
		return nil, asUsage("the form is "+kind.form, err)
	}
	return &s, nil
}

func registryForms() string {
	all := registryKinds()
	var forms []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		forms = append(forms, all[name].form)
	}
	return strings.Join(forms, "; ")
}

// openStatic makes a static registry from "greeter=127.0.0.1:9001,127.0.0.1:9002".
func openStatic(rest, protocol string) (source, error) {
	services := make(map[string][]string)
	for entry := range strings.SplitSeq(rest, ";") {
		name, addresses, is := strings.Cut(entry, "=")
		if !is || name == "" || addresses == "" {
			return source{}, fmt.Errorf("--registry static: %q is not of the form NAME=ADDRESS", entry)
		}
		for address := range strings.SplitSeq(addresses, ",") {
			if address == "" {
				return source{}, fmt.Errorf("--registry static: %s has an empty address", name)
			}
			services[name] = append(services[name], address)
		}
	}
	return source{Registry: staticRegistry{static.Of(services), protocol}}, nil
}

// openDNS makes a DNS registry: from "", where the name of a service is looked up, or
// from "//target", which has the nodes of every service.
func openDNS(rest, protocol string) (source, error) {
	opts := []dns.Option{dns.WithMetadata(map[string]string{"protocol": protocol})}
	target, is := strings.CutPrefix(rest, "//")
	if rest != "" && (!is || target == "" || strings.Contains(target, "/")) {
		return source{}, errors.New("--registry dns:" + rest + " has no target")
	}
	if target != "" {
		opts = append(opts, dns.WithTargets(map[string]string{target: target})) // refuses one that cannot be looked up
	}
	r, err := dns.New(opts...)
	if err != nil {
		return source{}, fmt.Errorf("--registry dns:%s: %w", rest, err)
	}
	if target == "" {
		return source{Registry: r}, nil
	}
	return source{Registry: singleName{r, target}}, nil
}

func openNATS(rest, _ string) (source, error) {
	if server, is := strings.CutPrefix(rest, "//"); !is || server == "" {
		return source{}, errors.New("--registry nats:" + rest + " has no server")
	}
	r, err := nats.NewRegistry(natsAt("nats:" + rest)...)
	if err != nil {
		return source{}, err
	}
	return source{r, r}, nil
}

// asUsage converts err to a usageError unless it is one.
func asUsage(hint string, err error) error {
	if _, is := errors.AsType[*usageError](err); is {
		return err
	}
	return usage(hint, "%w", err)
}
