// SPDX-License-Identifier: Apache-2.0

package messages

// RootMessage is everything the root actor understands.
//
//sumtype:decl
type RootMessage interface{ rootMessage() }

type (
	// OpenService asks for a service that nobody has called yet. The root
	// makes it known, spawns its selector and passes the Resolve on; a bound
	// that is reached answers the Resolve with an error.
	OpenService struct {
		// Key is its place in the directory, Name what the registry is asked;
		// Addresses, if any, are used in its place.
		Key, Name string
		Addresses []string
		// Transport, if not "", is that of the Addresses.
		Transport string
		Resolve   Resolve
	}
	// OpenPool asks for a connection to a node whose pool does not exist
	// yet. The root spawns the keeper if need be, publishes the pool at the
	// node and passes the Acquire on.
	OpenPool struct {
		Node    *Node
		Acquire Acquire
	}
	// NodeGone says that a selector has removed the node. Its pool is retired
	// when no other node shares it. No reply.
	NodeGone struct{ Node *Node }
	// Retired says that a keeper has closed its last connection and stopped.
	Retired struct{ Pool *Pool }
	// Configure gives all actors new limits, policy and budget. No reply;
	// calls in flight are not touched.
	Configure struct {
		Limits PoolLimits
		Policy SelectorPolicy
		Budget Budget
	}
	// Shutdown retires every pool and ends every selector; Done is closed
	// once, when the last one has stopped, and the root stops with it.
	Shutdown struct{ Done chan<- struct{} }
)

func (OpenService) rootMessage() {}
func (OpenPool) rootMessage()    {}
func (NodeGone) rootMessage()    {}
func (Retired) rootMessage()     {}
func (Configure) rootMessage()   {}
func (Shutdown) rootMessage()    {}
