// SPDX-License-Identifier: Apache-2.0

package http

import (
	"context"
	"time"
)

const (
	// Service is the name under which go-micro's HTTP brokers register.
	Service = "micro.http.broker"
	// Broadcast is the version of a subscriber that gets every message. Any
	// other version is the name of a queue.
	Broadcast = "ff.http.broadcast"
	// Lease is how long an announcement is valid; go-micro's value.
	Lease = 60 * time.Second
	// Refresh is how often an announcement is repeated; go-micro's value.
	Refresh = 30 * time.Second

	// Names and values in the metadata of a node.
	keyBroker, keyTopic, keySecure = "broker", "topic", "secure"
)

// Node is a place where a subscriber of one topic listens.
type Node struct {
	// ID is "<topic>-<uuid>"; a publisher repeats it to the subscriber.
	ID string
	// Address is "host:port".
	Address string
	// Version of the service record that the node is in: [Broadcast] or the
	// name of a queue.
	Version string
	// Metadata has "broker" (always "http"), "topic", and "secure", which is
	// "true" for TLS.
	Metadata map[string]string
}

// Discovery tells a publisher where subscribers listen. Implementations must be
// safe for concurrent use.
type Discovery interface {
	// Nodes returns the nodes of all versions of the service, none and no error if
	// the service is not known. It returns when ctx is done at the latest. The
	// broker only reads the nodes.
	Nodes(ctx context.Context, service string) ([]Node, error)
}

// Forgetter is a [Discovery] with a cache.
type Forgetter interface {
	// Forget says that the last answer of Nodes seems to be out of date: it has no
	// subscriber to a topic, or a node could not be reached. It must not block, and
	// may ignore calls that come too often.
	Forget(service string)
}

// Announcer is a [Discovery] that accepts announcements, which subscribing needs.
type Announcer interface {
	// Announce makes the node known to publishers for ttl from now.
	Announce(ctx context.Context, service string, n Node, ttl time.Duration) error
	// Withdraw removes the node.
	Withdraw(ctx context.Context, service string, n Node) error
}
