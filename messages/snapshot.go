// SPDX-License-Identifier: Apache-2.0

package messages

import "time"

// Snapshot is the state of a client at one moment. It is assembled from what
// the actors publish, so taking one sends no message and waits for no actor: a
// stuck actor shows as one whose mailbox grows. The parts are read one after
// the other, so sums may differ by what happened in between. Durations in JSON
// are nanoseconds. A Snapshot belongs to whoever took it.
type Snapshot struct {
	// Taken is when it was taken.
	Taken time.Time `json:"taken"`
	// Totals are counted since the client was made.
	Totals Totals `json:"totals"`
	// Actors is the tree, parents before children.
	Actors []ActorInfo `json:"actors"`
	// Services that have been called, by name.
	Services []ServiceInfo `json:"services"`
	// Pools by address.
	Pools []PoolInfo `json:"pools"`
	// Broker is the client's broker, nil if it has none.
	Broker *BrokerInfo `json:"broker,omitempty"`
	// Calls in flight, oldest first.
	Calls []CallInfo `json:"calls"`
	// Streams that are open, oldest first.
	Streams []StreamInfo `json:"streams"`
}

// Totals are counters of a client.
type Totals struct {
	// Calls counts the calls that were admitted, Live those in flight now.
	Calls int64 `json:"calls"`
	Live  int64 `json:"live"`
	// Streams counts the streams that were opened. Opening one is also a call.
	Streams int64 `json:"streams"`
	// Failed counts the admitted calls that returned an error.
	Failed int64 `json:"failed"`
	// Retries and Hedges count the attempts that the retrier allowed.
	Retries int64 `json:"retries"`
	Hedges  int64 `json:"hedges"`
	// Late counts messages that arrived for a call that had ended.
	Late int64 `json:"late"`
}

// ActorInfo is one actor. For the actors of calls only ID, Parent and Kind are
// known, and for a supervisor also Depth.
type ActorInfo struct {
	// ID is the actor's address in the actor system, Parent that of its parent,
	// "" if it has none.
	ID     string `json:"id"`
	Parent string `json:"parent"`
	// Kind is "root", "selector", "keeper", "retrier", "publisher", "supervisor",
	// "attempt" or "stream".
	Kind string `json:"kind"`
	// Depth is the number of messages in the mailbox, MaxDepth the highest
	// number so far.
	Depth    int64 `json:"depth"`
	MaxDepth int64 `json:"max_depth"`
	// Received counts the messages that the actor has taken.
	Received int64 `json:"received"`
	// Busy is how long the current turn has been running, 0 if none is.
	Busy time.Duration `json:"busy_ns"`
}

// BrokerInfo is the state of the connection to the broker.
type BrokerInfo struct {
	// Name of the broker.
	Name string `json:"name"`
	// State is "idle" before the first publish and after a failure to connect,
	// "connecting", or "connected". Only the broker knows whether a connection
	// has been lost since.
	State string `json:"state"`
	// Waiting is how many publishes wait for the connection; those that share
	// one wait are counted once.
	Waiting int `json:"waiting,omitempty"`
	// LeftBehind is how many publishes are over, although the broker has not
	// returned from them. From 1024 on, further ones are refused.
	LeftBehind int64 `json:"left_behind,omitempty"`
	// LastFault is why the last attempt to connect failed, "" if it did not;
	// LastFaultAge is how long ago that was.
	LastFault    string        `json:"last_fault,omitempty"`
	LastFaultAge time.Duration `json:"last_fault_age_ns,omitempty"`
}

// ServiceInfo is one service with its nodes.
type ServiceInfo struct {
	// Name is the service's name; Addresses, if any, are the fixed addresses
	// that are used instead of the registry.
	Name      string   `json:"name"`
	Addresses []string `json:"addresses,omitempty"`
	// Nodes of the current list, including ejected ones.
	Nodes []NodeInfo `json:"nodes"`
	// Budget is how many tokens the retry budget held when it was last used.
	Budget float64 `json:"retry_budget"`
	// Waiting is how many calls wait for the registry to name a node.
	Waiting int64 `json:"waiting,omitempty"`
	// Stale says why the list of nodes may be out of date, "" if it is not.
	Stale string `json:"stale,omitempty"`
}

// NodeInfo is one node.
type NodeInfo struct {
	// ID, Address and Version come from the registry; Transport, Legacy and
	// Native follow from the node's metadata, see [Node].
	ID        string `json:"id"`
	Address   string `json:"address"`
	Version   string `json:"version,omitempty"`
	Transport string `json:"transport"`
	Legacy    bool   `json:"legacy,omitempty"`
	Native    bool   `json:"native,omitempty"`
	// Health is "healthy", "ejected", "probing" or "shunned", see [Health].
	Health string `json:"health"`
	// Leaving says that the registry no longer names the node, or says that it
	// is about to stop.
	Leaving bool `json:"leaving,omitempty"`
	// Doubt says that the node gets one call at a time until its latency is
	// known again: it was slow once, or has been avoided for a while.
	Doubt bool `json:"doubt,omitempty"`
	// EjectedFor is how long the ejection still lasts. Share is in how many of a
	// thousand draws a node takes part while it warms up, 0 for a warm one.
	EjectedFor time.Duration `json:"ejected_for_ns,omitempty"`
	Share      int           `json:"share,omitempty"`
	// LastFault is the last fault, "" if there was none; LastFaultAge is how
	// long ago it was.
	LastFault    string        `json:"last_fault,omitempty"`
	LastFaultAge time.Duration `json:"last_fault_age_ns,omitempty"`
	// Latency is how long an answer is expected to take.
	Latency time.Duration `json:"latency_ns,omitempty"`
	// InFlight counts attempts and open streams now, Streams the open streams
	// among them. Answers and Faults count attempts that ended so since the node
	// became known; application errors are answers.
	Streams  int64 `json:"streams,omitempty"`
	InFlight int64 `json:"in_flight"`
	Answers  int64 `json:"answers"`
	Faults   int64 `json:"faults"`
	// Load is the cost of one more call: [Node.Weight] for each call in flight
	// and for the new one.
	Load time.Duration `json:"load_ns"`
}

// PoolInfo is one pool.
type PoolInfo struct {
	// Address is what is dialled, Transport the transport that dials it.
	Address   string `json:"address"`
	Transport string `json:"transport"`
	// Open counts all open connections: Idle, Lent (leased) and Shared ones. Open
	// and Dialing together are at most Max.
	Open int64 `json:"open"`
	Idle int64 `json:"idle"`
	Lent int64 `json:"lent"`
	// Leaving counts those of Lent that were shared: they take no new exchanges
	// and finish the ones they carry. Closing counts connections that are no
	// longer open, but whose Close has not returned.
	Leaving int64 `json:"leaving,omitempty"`
	Closing int64 `json:"closing,omitempty"`
	Dialing int64 `json:"dialing"`
	Max     int64 `json:"max"`
	// Shared counts the shared connections, Running the exchanges and streams on
	// them.
	Shared  int64 `json:"shared"`
	Running int64 `json:"running"`
	// Waiters is how many attempts wait for a connection.
	Waiters int64 `json:"waiters"`
	// Dialled, DialFailures and Discarded are totals since the pool was made.
	Dialled      int64 `json:"dialled"`
	DialFailures int64 `json:"dial_failures"`
	Discarded    int64 `json:"discarded"`
	// OldestIdle is how long the connection has been idle that is idle longest.
	OldestIdle time.Duration `json:"oldest_idle_ns"`
}

// CallInfo is one call in flight.
type CallInfo struct {
	// ID is the address of the call's supervisor, "#", and how many calls that
	// supervisor has served before this one.
	ID string `json:"id"`
	// Service and Endpoint name what is called.
	Service  string `json:"service"`
	Endpoint string `json:"endpoint"`
	// Age is the time since the call began.
	Age time.Duration `json:"age_ns"`
	// Phase is the phase of a live attempt, or else "encode", "pick" or
	// "backoff".
	Phase string `json:"phase"`
	// Attempts are the live attempts, at most two.
	Attempts []AttemptInfo `json:"attempts"`
}

// AttemptInfo is one live attempt of a call.
type AttemptInfo struct {
	// Node is the node's address, Phase the name of a rpcerr.Phase, Age the
	// time since the attempt began.
	Node  string        `json:"node"`
	Phase string        `json:"phase"`
	Age   time.Duration `json:"age_ns"`
}

// StreamInfo is one live stream.
type StreamInfo struct {
	// ID is the address of the stream's actor.
	ID string `json:"id"`
	// Service and Endpoint name what was opened, Node is the node's address.
	Service  string `json:"service"`
	Endpoint string `json:"endpoint"`
	Node     string `json:"node"`
	// Age is the time since it was opened.
	Age time.Duration `json:"age_ns"`
	// HalfClosed says that the client has called CloseSend.
	HalfClosed bool `json:"half_closed,omitempty"`
	// Messages, and bytes of their bodies, in both directions.
	Sent          int64 `json:"sent"`
	SentBytes     int64 `json:"sent_bytes"`
	Received      int64 `json:"received"`
	ReceivedBytes int64 `json:"received_bytes"`
	// Sending and Receiving are how long a Send or Recv has been blocked, 0 if
	// none is.
	Sending   time.Duration `json:"sending_ns"`
	Receiving time.Duration `json:"receiving_ns"`
}
