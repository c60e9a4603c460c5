// SPDX-License-Identifier: Apache-2.0

package messages

import "time"

// Snapshot is a picture of a client at one moment. It is put together from
// what the actors have published, so taking it asks nobody and waits for
// nobody: an actor that is stuck shows as an actor with a mailbox that grows.
// Its parts are read one after the other, so sums may be off by what happened
// meanwhile. In JSON durations are nanoseconds. It belongs to whoever took it.
type Snapshot struct {
	// Taken is when.
	Taken time.Time `json:"taken"`
	// Totals count since the client was made.
	Totals Totals `json:"totals"`
	// Actors is the tree, parents before children.
	Actors []ActorInfo `json:"actors"`
	// Services that have been called, by name.
	Services []ServiceInfo `json:"services"`
	// Pools by address.
	Pools []PoolInfo `json:"pools"`
	// Broker is where messages are published, nil if the client has none.
	Broker *BrokerInfo `json:"broker,omitempty"`
	// Calls in flight, oldest first.
	Calls []CallInfo `json:"calls"`
	// Streams that are open, oldest first.
	Streams []StreamInfo `json:"streams"`
}

// Totals are counters of a client.
type Totals struct {
	// Calls that were admitted, Live those in flight now.
	Calls int64 `json:"calls"`
	Live  int64 `json:"live"`
	// Streams that were opened. Each opening is one of Calls too.
	Streams int64 `json:"streams"`
	// Failed calls among those that were admitted.
	Failed int64 `json:"failed"`
	// Retries and Hedges that the retrier allowed.
	Retries int64 `json:"retries"`
	Hedges  int64 `json:"hedges"`
	// Late counts messages that came for a call that was over.
	Late int64 `json:"late"`
}

// ActorInfo is one actor. Of the actors of calls only ID, Parent and Kind are
// known, and of a supervisor the Depth.
type ActorInfo struct {
	// ID is its address in the actor system, Parent that of its parent, "" if
	// it has none.
	ID     string `json:"id"`
	Parent string `json:"parent"`
	// Kind is "root", "selector", "keeper", "retrier", "publisher", "supervisor",
	// "attempt" or "stream".
	Kind string `json:"kind"`
	// Depth is how many messages wait in the mailbox, MaxDepth the most that
	// ever did.
	Depth    int64 `json:"depth"`
	MaxDepth int64 `json:"max_depth"`
	// Received counts messages.
	Received int64 `json:"received"`
	// Busy is how long the turn that runs now has been running, 0 if none.
	Busy time.Duration `json:"busy_ns"`
}

// BrokerInfo is the way to the broker.
type BrokerInfo struct {
	// Name of the broker.
	Name string `json:"name"`
	// State is "idle" before the first publishing and after a failure to
	// connect, "connecting", or "connected". Whether a connection has been lost
	// since is known to the broker alone.
	State string `json:"state"`
	// Waiting publishings wait to be connected, those that share a wait counted
	// once.
	Waiting int `json:"waiting,omitempty"`
	// LastFault is why the last connecting failed, "" if it did not,
	// LastFaultAge how long ago that was.
	LastFault    string        `json:"last_fault,omitempty"`
	LastFaultAge time.Duration `json:"last_fault_age_ns,omitempty"`
}

// ServiceInfo is one service with its nodes.
type ServiceInfo struct {
	// Name is the service's name; Addresses, if any, are the fixed ones that
	// were called in place of the registry's.
	Name      string   `json:"name"`
	Addresses []string `json:"addresses,omitempty"`
	// Nodes of the current list, ejected ones included.
	Nodes []NodeInfo `json:"nodes"`
	// Budget is how many tokens the retry budget held when it was last used.
	Budget float64 `json:"retry_budget"`
	// Waiting calls wait for the registry to name a node.
	Waiting int64 `json:"waiting,omitempty"`
	// Stale says why the list of nodes may be old, "" if it is fresh.
	Stale string `json:"stale,omitempty"`
}

// NodeInfo is one node.
type NodeInfo struct {
	// ID, Address and Version are the registry's, Transport, Legacy and Native follow
	// from its metadata, see [Node].
	ID        string `json:"id"`
	Address   string `json:"address"`
	Version   string `json:"version,omitempty"`
	Transport string `json:"transport"`
	Legacy    bool   `json:"legacy,omitempty"`
	Native    bool   `json:"native,omitempty"`
	// Health is "healthy", "ejected", "probing" or "shunned", see [Health].
	Health string `json:"health"`
	// Leaving says that the registry does not name it any more, or says that it
	// is about to go.
	Leaving bool `json:"leaving,omitempty"`
	// Doubt says that one call at a time goes there, to find out how fast the node
	// is: it was held up once, or has been avoided for a while.
	Doubt bool `json:"doubt,omitempty"`
	// EjectedFor is for how long an ejected node is not chosen yet. Share is how
	// many of a thousand draws a node that warms up takes part in, 0 for a warm
	// one.
	EjectedFor time.Duration `json:"ejected_for_ns,omitempty"`
	Share      int           `json:"share,omitempty"`
	// LastFault is the last fault, "" if there was none, LastFaultAge how long
	// ago it was.
	LastFault    string        `json:"last_fault,omitempty"`
	LastFaultAge time.Duration `json:"last_fault_age_ns,omitempty"`
	// Latency is how long an answer is expected to take.
	Latency time.Duration `json:"latency_ns,omitempty"`
	// InFlight counts attempts and open streams now, Streams the latter. Answers
	// and Faults count attempts that ended so since the node is known. Errors of
	// the application are answers.
	Streams  int64 `json:"streams,omitempty"`
	InFlight int64 `json:"in_flight"`
	Answers  int64 `json:"answers"`
	Faults   int64 `json:"faults"`
	// Load is what one more call would cost: [Node.Weight] for each of the calls in
	// flight and for that one.
	Load time.Duration `json:"load_ns"`
}

// PoolInfo is one pool.
type PoolInfo struct {
	// Address is what is dialled, Transport the name of what dials it.
	Address   string `json:"address"`
	Transport string `json:"transport"`
	// Open connections are Idle, Lent or Shared; Dialing ones come on top. Open and
	// Dialing together are at most Max.
	Open int64 `json:"open"`
	Idle int64 `json:"idle"`
	Lent int64 `json:"lent"`
	// Leaving are those of the Lent ones that were shared: nothing new begins
	// on them, and what runs comes to its end. Closing ones are not open any
	// more, but their Close has not returned.
	Leaving int64 `json:"leaving,omitempty"`
	Closing int64 `json:"closing,omitempty"`
	Dialing int64 `json:"dialing"`
	Max     int64 `json:"max"`
	// Shared connections are lent to everybody at once; Running counts the
	// exchanges and streams on them.
	Shared  int64 `json:"shared"`
	Running int64 `json:"running"`
	// Waiters are attempts that wait for a connection.
	Waiters int64 `json:"waiters"`
	// Dialled, DialFailures and Discarded count since the pool was made.
	Dialled      int64 `json:"dialled"`
	DialFailures int64 `json:"dial_failures"`
	Discarded    int64 `json:"discarded"`
	// OldestIdle is how long the oldest idle connection has been idle.
	OldestIdle time.Duration `json:"oldest_idle_ns"`
}

// CallInfo is one call in flight.
type CallInfo struct {
	// ID is the address of its supervisor and which of its calls it is.
	ID string `json:"id"`
	// Service and Endpoint name what is called.
	Service  string `json:"service"`
	Endpoint string `json:"endpoint"`
	// Age is the time since it began.
	Age time.Duration `json:"age_ns"`
	// Phase is that of a live attempt, or what the call does without one:
	// "encode", "pick" or "backoff".
	Phase string `json:"phase"`
	// Attempts that are alive, two at most.
	Attempts []AttemptInfo `json:"attempts"`
}

// AttemptInfo is one live attempt of a call.
type AttemptInfo struct {
	// Node is the address, Phase a name of rpcerr.Phase, Age the time since
	// the attempt began.
	Node  string        `json:"node"`
	Phase string        `json:"phase"`
	Age   time.Duration `json:"age_ns"`
}
