// SPDX-License-Identifier: Apache-2.0

package grpc

import (
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"

	"example.com/mailcall/transport"
)

// maxRoutes bounds the cache of routes. A client usually calls few endpoints; beyond
// the bound a route is computed for each call.
const maxRoutes = 1024

// routeKey identifies a route.
type routeKey struct{ service, endpoint, contentType string }

// route is what all calls of one endpoint with one content type have in common.
type route struct {
	path        string
	contentType string          // go-micro's, sent as x-content-type
	subtype     grpc.CallOption // of gRPC's content type
}

// routes is a copy-on-write cache of routes. Reading costs an atomic load and a map
// lookup.
type routes struct {
	known atomic.Pointer[map[routeKey]*route]
	mu    sync.Mutex // held while a route is added
}

func (r *routes) of(key routeKey) (*route, error) {
	if known := r.known.Load(); known != nil {
		if found := (*known)[key]; found != nil {
			return found, nil
		}
	}
	path, err := pathOf(key.service, key.endpoint)
	if err != nil {
		return nil, err
	}
	subtype, err := subtypeOf(key.contentType)
	if err != nil {
		return nil, err
	}
	made := &route{path: path, contentType: strings.Clone(key.contentType), subtype: grpc.CallContentSubtype(subtype)}
	r.remember(key, made)
	return made, nil
}

func (r *routes) remember(key routeKey, made *route) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := map[routeKey]*route{}
	if old := r.known.Load(); old != nil {
		if len(*old) >= maxRoutes {
			return
		}
		known = maps.Clone(*old)
	}
	// The cached key must not share memory with a message.
	key = routeKey{strings.Clone(key.service), strings.Clone(key.endpoint), strings.Clone(key.contentType)}
	known[key] = made
	r.known.Store(&known)
}

// pathOf returns the path that go-micro's grpc client gives a method, with a leading
// slash, which gRPC requires.
func pathOf(service, endpoint string) (string, error) {
	if endpoint == "" {
		return "", fmt.Errorf("%w: a request needs a Micro-Endpoint", transport.ErrInvalid)
	}
	if i := strings.IndexFunc(service+endpoint, func(c rune) bool { return c <= ' ' || c >= 0x7f }); i >= 0 {
		return "", fmt.Errorf("%w: endpoint %q of service %q has a character that a path cannot have", transport.ErrInvalid, endpoint, service)
	}
	if endpoint[0] == '/' {
		return strings.Clone(endpoint), nil
	}
	handler, method, ok := strings.Cut(endpoint, ".")
	switch {
	case !ok || strings.Contains(method, "."):
		return "/" + endpoint, nil
	case service == "":
		return "/" + handler + "/" + method, nil
	default:
		return "/" + service + "." + handler + "/" + method, nil
	}
}

// subtypeOf returns the codec's name on the wire.
func subtypeOf(contentType string) (string, error) {
	switch contentType {
	case "", "application/grpc", "application/grpc+proto", "application/protobuf", "application/proto", "application/octet-stream":
		return subtypeProto, nil
	case "application/json", "application/grpc+json":
		return subtypeJSON, nil
	case "application/grpc+bytes":
		return subtypeBytes, nil
	}
	name, ok := strings.CutPrefix(contentType, "application/grpc+")
	if !ok {
		name, ok = strings.CutPrefix(contentType, "application/")
	}
	valid := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.ContainsRune("-._+", c)
	}
	if !ok || name == "" || strings.ContainsFunc(name, func(c rune) bool { return !valid(c) }) {
		return "", fmt.Errorf("%w: no codec name can be made of content type %q, want application/NAME in lower case", transport.ErrInvalid, contentType)
	}
	return name, nil
}

// The names of go-micro's codecs.
const (
	subtypeProto = "proto"
	subtypeJSON  = "json"
	subtypeBytes = "bytes"
)
