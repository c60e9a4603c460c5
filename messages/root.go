// SPDX-License-Identifier: Apache-2.0

package messages

// RootMessage is everything the root actor understands.
//
//sumtype:decl
type RootMessage interface{ rootMessage() }

type (
	// OpenService asks for a service that is not in the directory. The root
	// adds it, spawns its selector and passes the Resolve on to it. If a bound
	// is reached, it answers the Resolve with an error.
	OpenService struct {
		// Key is the service's key in the directory, Name its name in the
		// registry. Addresses, if any, are used instead of the registry.
		Key, Name string
		Addresses []string
		// Transport is the transport of the Addresses; "" is the default one.
		Transport string
		Resolve   Resolve
	}
	// OpenPool asks for a connection to a node that has no pool yet. The root
	// spawns a keeper if the address has none, publishes the pool at the node
	// and passes the Acquire on to the keeper.
	OpenPool struct {
		Node    *Node
		Acquire Acquire
	}
	// NodeGone reports that a selector has removed the node. Its pool is
	// retired unless another node shares it. No reply.
	NodeGone struct{ Node *Node }
	// NodeLeaving reports that the registry has begun to call the node leaving, or
	// no longer does. No reply.
	NodeLeaving struct {
		Node    *Node
		Leaving bool
	}
	// Retired reports that a keeper has closed its last connection and stops.
	Retired struct{ Pool *Pool }
	// Configure gives all actors new limits, policy and budget, after
	// Client.Init. No reply; calls in flight are not affected.
	Configure struct {
		Limits PoolLimits
		Policy SelectorPolicy
		Budget Budget
	}
	// Shutdown retires every pool and stops every selector. When the last of
	// them has stopped, the root stops, and then Done is closed.
	Shutdown struct{ Done chan<- struct{} }
)

func (OpenService) rootMessage() {}
func (OpenPool) rootMessage()    {}
func (NodeGone) rootMessage()    {}
func (NodeLeaving) rootMessage() {}
func (Retired) rootMessage()     {}
func (Configure) rootMessage()   {}
func (Shutdown) rootMessage()    {}
