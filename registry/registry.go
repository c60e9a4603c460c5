// SPDX-License-Identifier: Apache-2.0

// Package registry is the contract between mailcall and whatever knows where
// services live: list and watch. Records have the shape of go-micro's.
package registry

import (
	"context"
	"errors"
	"time"
)

// ErrNotFound is matched when a registry answered and does not know the
// service. Any other error means that the registry could not be asked.
var ErrNotFound = errors.New("registry: service not found")

// Service is one version of a service with the nodes that run it. Records are
// immutable once they were handed over.
type Service struct {
	// Name is what callers ask for.
	Name string `json:"name"`
	// Version is any text, compared as it is; "" is a version like others.
	Version string `json:"version"`
	// Metadata of the service. Nil is none.
	Metadata map[string]string `json:"metadata"`
	// Endpoints that the version has, for filters; calls do not need them.
	Endpoints []*Endpoint `json:"endpoints"`
	// Nodes that run it. None is a service that cannot be called now.
	Nodes []*Node `json:"nodes"`
}

// Node is one place where a service runs.
type Node struct {
	// Metadata of the node: "protocol" (mucp or grpc; absent means a server
	// from before there was a choice), "transport", and whatever the operator
	// set for label filters.
	Metadata map[string]string `json:"metadata"`
	// ID is unique among the nodes of all services.
	ID string `json:"id"`
	// Address is what the transport dials.
	Address string `json:"address"`
	// Leaving says that the node is about to go, so that calls are for others
	// as long as these are at least half of all. It is no part of a record: package
	// cache sets it on nodes that the registry does not name any more, and a
	// registry that learns of such things may.
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

// Registry knows where services live. It is used by many goroutines at once.
type Registry interface {
	// Lookup returns the versions of the service that have been registered,
	// or an error that matches [ErrNotFound]. A known service without nodes
	// is no error. It returns at the latest when ctx ends.
	Lookup(ctx context.Context, service string) ([]*Service, error)
	// Watch calls changed with the whole new list whenever the service's
	// record changes, one call at a time, until ctx ends; then it returns
	// ctx.Err(). Any other error says that the watch broke: the caller looks
	// the service up again and starts a new watch. A list that is nil means
	// that the service is gone.
	Watch(ctx context.Context, service string, changed func([]*Service)) error
	// String is the short name that errors and the inspector use.
	String() string
}

// Registrar is implemented by what lets nodes announce themselves: by a
// registry itself, or by a value that it hands out. It is used by many
// goroutines at once.
type Registrar interface {
	// Register makes the nodes of service known, or known for longer: nodes
	// that are registered already, by their id, take over address and metadata
	// and live for ttl from now, the others of the service stay. Metadata and
	// endpoints of the version become those of service. A ttl of 0 is for
	// ever; who gives one registers again in time (go-micro's servers: 90 s,
	// every 30 s). It refuses a nil service or node, an empty name, node id or
	// address, a service without nodes, and a negative ttl. A registry that
	// counts in coarser units rounds ttl up. It returns at the latest when ctx
	// ends.
	Register(ctx context.Context, service *Service, ttl time.Duration) error
	// Deregister takes the nodes of service out, by their ids. What is not
	// there is no error, so it may be repeated. It returns at the latest when
	// ctx ends.
	Deregister(ctx context.Context, service *Service) error
}

// Lister is implemented by registries that can say what there is. It is used
// by many goroutines at once.
type Lister interface {
	// List returns every version of every service with its nodes, in the
	// order of names; none is no error. A registry that can name services but
	// not their nodes leaves Nodes nil. One that only passes questions on, to
	// a registry that cannot list, returns an error that matches
	// [errors.ErrUnsupported]. It returns at the latest when ctx ends.
	List(ctx context.Context) ([]*Service, error)
}
