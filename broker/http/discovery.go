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
	// Lease is how long an announcement holds; go-micro's value.
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

// Discovery tells a publisher where subscribers listen. It is used by many
// goroutines at once.
type Discovery interface {
	// Nodes returns the nodes of all versions of the service; none, without an
	// error, when the service is not known. It returns when ctx is done at the
	// latest. The nodes are only read.
	Nodes(ctx context.Context, service string) ([]Node, error)
}

// Forgetter is a [Discovery] that answers from memory.
type Forgetter interface {
	// Forget says that what Nodes returned last seems old: nobody in it
	// subscribes to a topic, or a node could not be reached. It does not block,
	// and may pass over what it is told too often.
	Forget(service string)
}

// Announcer is a [Discovery] that takes announcements. Subscribing needs it.
type Announcer interface {
	// Announce makes the node known to publishers for ttl, anew each time.
	Announce(ctx context.Context, service string, n Node, ttl time.Duration) error
	// Withdraw makes it unknown.
	Withdraw(ctx context.Context, service string, n Node) error
}
