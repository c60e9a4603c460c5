// SPDX-License-Identifier: Apache-2.0

package dns

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"example.com/mailcall/registry"
)

// maxNodes bounds the nodes of one answer. It is more than a DNS message can hold,
// so it only limits resolvers of other kinds.
const maxNodes = 10_000

// question is a parsed target. Without a port it asks for SRV records.
type question struct {
	name string
	port string
}

// parse reads a target.
func parse(target string) (question, error) {
	if host, port, err := net.SplitHostPort(target); err == nil {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 || host == "" {
			return question{}, fmt.Errorf("%q needs a name and a port from 1 to 65535", target)
		}
		return question{host, strconv.FormatUint(n, 10)}, nil
	}
	labels := strings.SplitN(target, ".", 3)
	if len(labels) == 3 && len(labels[0]) > 1 && labels[0][0] == '_' && len(labels[1]) > 1 && labels[1][0] == '_' && labels[2] != "" {
		return question{name: target}, nil
	}
	return question{}, fmt.Errorf("%q is neither name:port nor _service._proto.name (WithTargets gives services one)", target)
}

func (r *Registry) resolve(ctx context.Context, service, target string) ([]*registry.Node, error) {
	q, err := parse(target)
	if err != nil {
		return nil, err
	}
	nodes, err := r.ask(ctx, r.resolver, q)
	if strict := strictly(r.resolver); strict != nil && absent(err) {
		nodes, err = r.ask(ctx, strict, q)
	}
	if absent(err) {
		return nil, fmt.Errorf("%w: %w", registry.ErrNotFound, err)
	}
	if err != nil {
		return nil, err
	}
	if len(nodes) > maxNodes {
		return nil, fmt.Errorf("%s has %d nodes, at most %d are taken", target, len(nodes), maxNodes)
	}
	slices.SortStableFunc(nodes, func(a, b *registry.Node) int { return cmp.Compare(a.Address, b.Address) })
	nodes = slices.CompactFunc(nodes, func(a, b *registry.Node) bool { return a.Address == b.Address })
	for _, n := range nodes {
		n.ID = service + "-" + n.Address
	}
	return nodes, nil
}

// strictly returns a resolver like r that fails if one of its queries does, nil if r
// is not of that kind. A net.Resolver makes several queries for one name: for both
// kinds of addresses, and with each search domain. Unless it is strict, it may report
// that a name does not exist when only some of the answers said so, and the server
// failed to give the others.
func strictly(r Resolver) Resolver {
	if lenient, is := r.(*net.Resolver); is && lenient != nil && !lenient.StrictErrors {
		return &net.Resolver{PreferGo: lenient.PreferGo, Dial: lenient.Dial, StrictErrors: true}
	}
	return nil
}

// ask makes nodes of what the resolver finds.
func (r *Registry) ask(ctx context.Context, from Resolver, q question) ([]*registry.Node, error) {
	if q.port != "" {
		return r.addresses(ctx, from, q)
	}
	return r.records(ctx, from, q)
}

// addresses makes nodes of A and AAAA records.
func (r *Registry) addresses(ctx context.Context, from Resolver, q question) (nodes []*registry.Node, err error) {
	found, err := from.LookupNetIP(ctx, "ip", q.name)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%w: %s has no address", registry.ErrNotFound, q.name)
	}
	for _, ip := range found {
		nodes = append(nodes, &registry.Node{
			Address:  net.JoinHostPort(ip.Unmap().String(), q.port),
			Metadata: maps.Clone(r.metadata),
		})
	}
	return nodes, nil
}

// records makes nodes of SRV records.
func (r *Registry) records(ctx context.Context, from Resolver, q question) (nodes []*registry.Node, err error) {
	_, found, err := from.LookupSRV(ctx, "", "", q.name)
	if err != nil && len(found) == 0 {
		return nil, err
	}
	// If some targets are not host names, net.Resolver returns the other records
	// together with an error. A port of 0 cannot be called either.
	found = slices.DeleteFunc(slices.Clone(found), func(s *net.SRV) bool {
		return s == nil || s.Port == 0 || strings.TrimSuffix(s.Target, ".") == ""
	})
	slices.SortStableFunc(found, func(a, b *net.SRV) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), -cmp.Compare(a.Weight, b.Weight))
	})
	for _, s := range found {
		if !r.priorities && s.Priority != found[0].Priority {
			break
		}
		n := &registry.Node{
			Address:  net.JoinHostPort(strings.TrimSuffix(s.Target, "."), strconv.Itoa(int(s.Port))),
			Metadata: maps.Clone(r.metadata),
		}
		n.Metadata["priority"] = strconv.Itoa(int(s.Priority))
		n.Metadata["weight"] = strconv.Itoa(int(s.Weight))
		nodes = append(nodes, n)
	}
	return nodes, nil
}

// absent distinguishes a name that does not exist from a server that failed.
func absent(err error) bool {
	failure, is := errors.AsType[*net.DNSError](err)
	return is && failure.IsNotFound
}
