// SPDX-License-Identifier: Apache-2.0

// Package registry is the contract between mailcall and whatever knows the nodes
// of services. Records have the form of go-micro's.
package registry

import (
	"context"
	"errors"
	"time"
)

// ErrNotFound is matched by the error of a registry that has answered and does not
// know the service. Any other error means that the registry could not be asked.
var ErrNotFound = errors.New("registry: service not found")

// Service is one version of a service with the nodes that run it. A record is
// immutable once it has been handed over.
type Service struct {
	// Name is the name that callers look up.
	Name string `json:"name"`
	// Version is any text, compared byte by byte; "" is a version like any other.
	Version string `json:"version"`
	// Metadata of the service. Nil is none.
	Metadata map[string]string `json:"metadata"`
	// Endpoints of the version, for filters; calls do not need them.
	Endpoints []*Endpoint `json:"endpoints"`
	// Nodes that run it. Without any the service cannot be called.
	Nodes []*Node `json:"nodes"`
}

// Node is one place where a service runs.
type Node struct {
	// Metadata of the node: "protocol" (mucp or grpc; absent means an old go-micro
	// server), "transport", and labels for filters.
	Metadata map[string]string `json:"metadata"`
	// ID is unique among the nodes of all services.
	ID string `json:"id"`
	// Address is what the transport dials.
	Address string `json:"address"`
	// Leaving says that the node is about to stop: calls go to other nodes as long
	// as these are at least half of all. It is not part of a stored record. Package
	// cache sets it on nodes that the registry no longer names; a registry that
	// knows may set it too.
	Leaving bool `json:"-"`
}

// Endpoint describes one endpoint of a service.
type Endpoint struct {
	// Request and Response describe the two types; nil is unknown.
	Request  *Value `json:"request"`
	Response *Value `json:"response"`
	// Metadata of the endpoint: "stream" is "true" for streams.
	Metadata map[string]string `json:"metadata"`
	// Name is "Handler.Method".
	Name string `json:"name"`
}

// Value describes a type in an [Endpoint].
type Value struct {
	// Name of the field or type, and its Go type.
	Name string `json:"name"`
	Type string `json:"type"`
	// Values are its fields.
	Values []*Value `json:"values"`
}

// Registry knows the nodes of services. Implementations must be safe for
// concurrent use.
type Registry interface {
	// Lookup returns the versions of the service that are registered, or an
	// error that matches [ErrNotFound]. A known service without nodes is not an
	// error. It returns when ctx is done at the latest.
	Lookup(ctx context.Context, service string) ([]*Service, error)
	// Watch calls changed with the whole new list whenever the service's record
	// changes, one call at a time, until ctx is done; then it returns
	// ctx.Err(). Any other error says that the watch broke: the caller looks
	// the service up again and starts a new watch. A list that is nil means
	// that the service is gone.
	Watch(ctx context.Context, service string, changed func([]*Service)) error
	// String is the short name that errors and the inspector use.
	String() string
}

// Registrar is implemented by registries, or by values that they return, with
// which nodes can register themselves. Implementations must be safe for
// concurrent use.
type Registrar interface {
	// Register registers the nodes of service, or renews them: a node that is
	// registered already, by its id, gets the new address and metadata and
	// expires ttl from now; other nodes of the service stay. Metadata and
	// endpoints of the version become those of service. With a ttl of 0 nodes do
	// not expire; with another one they have to be registered again in time
	// (go-micro's servers: for 90 s, every 30 s). A registry that counts in
	// coarser units rounds ttl up. Register returns an error for a nil service or
	// node, an empty name, node id or address, a service without nodes, and a
	// negative ttl. It returns when ctx is done at the latest.
	Register(ctx context.Context, service *Service, ttl time.Duration) error
	// Deregister takes the nodes of service out, by their ids. What is not
	// there is no error, so it may be repeated. It returns when ctx is done at
	// the latest.
	Deregister(ctx context.Context, service *Service) error
}

// Lister is implemented by registries that can list all services. Implementations
// must be safe for concurrent use.
type Lister interface {
	// List returns every version of every service with its nodes, in the order
	// of names; none is no error. A registry that can name services but not
	// their nodes leaves Nodes nil. One that only forwards to a
	// registry that cannot list returns an error that matches
	// [errors.ErrUnsupported]. It returns when ctx is done at the latest.
	List(ctx context.Context) ([]*Service, error)
}
