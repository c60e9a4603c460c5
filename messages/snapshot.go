// SPDX-License-Identifier: Apache-2.0

package messages

import "time"

// Snapshot is a picture of a client at one moment. It is put together from
// what the actors have published, so taking it asks nobody and waits for
// nobody: an actor that is stuck shows as an actor with a mailbox that grows.
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
	// Calls in flight, oldest first.
	Calls []CallInfo `json:"calls"`
}

// Totals are counters of a client.
type Totals struct {
	Calls   int64 `json:"calls"`
	Live    int64 `json:"live"`
	Failed  int64 `json:"failed"`
	Retries int64 `json:"retries"`
	Hedges  int64 `json:"hedges"`
	// Late counts messages that came for a call that was over.
	Late int64 `json:"late"`
}

// ActorInfo is one actor.
type ActorInfo struct {
	ID     string `json:"id"`
	Parent string `json:"parent"`
	Kind   string `json:"kind"`
	// Depth is how many messages wait in the mailbox, MaxDepth the most that
	// ever did.
	Depth    int64 `json:"depth"`
	MaxDepth int64 `json:"max_depth"`
	// Received counts messages.
	Received int64 `json:"received"`
	// Busy is how long the turn that runs now has been running, 0 if none.
	Busy time.Duration `json:"busy_ns"`
}

// ServiceInfo is one service with its nodes.
type ServiceInfo struct {
	Name      string     `json:"name"`
	Addresses []string   `json:"addresses,omitempty"`
	Nodes     []NodeInfo `json:"nodes"`
	// Budget is how many tokens the retry budget holds.
	Budget float64 `json:"retry_budget"`
	// Stale says why the list of nodes may be old, "" if it is fresh.
	Stale string `json:"stale,omitempty"`
}

// NodeInfo is one node.
type NodeInfo struct {
	ID        string        `json:"id"`
	Address   string        `json:"address"`
	Version   string        `json:"version,omitempty"`
	Transport string        `json:"transport"`
	Legacy    bool          `json:"legacy,omitempty"`
	Health    string        `json:"health"`
	InFlight  int64         `json:"in_flight"`
	Answers   int64         `json:"answers"`
	Faults    int64         `json:"faults"`
	Load      time.Duration `json:"load_ns"`
}

// PoolInfo is one pool.
type PoolInfo struct {
	Address   string `json:"address"`
	Transport string `json:"transport"`
	Open      int64  `json:"open"`
	Idle      int64  `json:"idle"`
	Lent      int64  `json:"lent"`
	Dialing   int64  `json:"dialing"`
	Max       int64  `json:"max"`
	Waiters   int64  `json:"waiters"`
	// Dialled, DialFailures and Discarded count since the pool was made.
	Dialled      int64 `json:"dialled"`
	DialFailures int64 `json:"dial_failures"`
	Discarded    int64 `json:"discarded"`
	// OldestIdle is how long the oldest idle connection has been idle.
	OldestIdle time.Duration `json:"oldest_idle_ns"`
}

// CallInfo is one call in flight.
type CallInfo struct {
	ID       string        `json:"id"`
	Service  string        `json:"service"`
	Endpoint string        `json:"endpoint"`
	Age      time.Duration `json:"age_ns"`
	// Phase is that of the newest attempt, or what the call waits for.
	Phase    string        `json:"phase"`
	Attempts []AttemptInfo `json:"attempts"`
}

// AttemptInfo is one live attempt of a call.
type AttemptInfo struct {
	Node  string        `json:"node"`
	Phase string        `json:"phase"`
	Age   time.Duration `json:"age_ns"`
}
