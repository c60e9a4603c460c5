// SPDX-License-Identifier: Apache-2.0

package simtest

import (
	"time"

	"example.com/mailcall/messages"
)

// Scenario is what happens in a run. The zero value is a client without
// services that makes no calls.
type Scenario struct {
	// Services that the registry knows from the beginning.
	Services []Service
	// Calls that are made, in any order.
	Calls []Call
	// Streams that are opened, in any order.
	Streams []Stream
	// Publishes are messages that are published, in any order.
	Publishes []Publish
	// Broker is the behaviour of the broker: Latency, Unsent, CutRequest, Silent and
	// CutReply apply to a message; Dial, Refuse and Blackhole to connecting; Fail is
	// the probability that a topic has no subscribers.
	Broker Behaviour
	// Events that change the world during the run, in any order.
	Events []Event
	// Limits of each pool. Max must be 1 or more.
	Limits messages.PoolLimits
	// Budget is the retry budget of each service.
	Budget messages.Budget
	// Picker chooses nodes. Defaults to the power of two choices.
	Picker messages.Picker
	// LookupTime is how long the registry takes to answer. Defaults to 1ms.
	LookupTime time.Duration
	// MaxCalls is how many calls may be in flight. Defaults to 1024.
	MaxCalls int
	// MaxStreams is how many streams may be open. Defaults to 1024.
	MaxStreams int
	// MaxServices is how many services are kept at once. Defaults to 1024.
	MaxServices int
	// CloseAt is when the client is closed and cancels what is in flight. 0 closes
	// it when all calls have ended.
	CloseAt time.Duration
	// Horizon is when calls without any bound are cancelled. Defaults to one minute
	// after the last call or event.
	Horizon time.Duration
	// Thorough compares the world with the client's snapshot each time nothing is
	// left to do. It is several times slower.
	Thorough bool
	// Record keeps the text of the history; a run that fails always keeps it.
	Record bool
}

// Service is a name with nodes.
type Service struct {
	// Name is the name in the registry.
	Name string
	// Nodes that run it. A node serves one service.
	Nodes []Node
	// Wire is the kind of connections to them.
	Wire Wire
}

// Wire is a kind of connection.
type Wire uint8

// The wires.
const (
	// WireAsync carries one exchange at a time, whose reply is delivered later. It
	// has no streams.
	WireAsync Wire = iota
	// WireShared carries many exchanges and streams at once.
	WireShared
	// WireExclusive carries one exchange at a time, for which the caller blocks, or
	// one stream.
	WireExclusive
	// WirePlain is like WireExclusive, without bounds and interruption.
	WirePlain
)

// Node is a simulated server.
type Node struct {
	// Address is what is dialled. Connections report another remote address, as
	// those to a host name do.
	Address string
	// ID is the id in the registry. If several nodes have the same ID, the registry
	// names the first one that is registered. Defaults to the address.
	ID string
	// Behaviour until an event changes it.
	Behaviour Behaviour
	// Hidden nodes run but are not registered at first; they are reached by
	// [Call.Addresses] or after [Register].
	Hidden bool
}

// Behaviour is how a node behaves. Probabilities are from 0 to 1; the zero value
// answers every call at once.
type Behaviour struct {
	// Dial is how long opening a connection takes, Latency how long an answer takes
	// from request to reply, plus at most Jitter.
	Dial, Latency, Jitter time.Duration
	// Refuse is the probability that a dial is refused, Blackhole that it is
	// never answered.
	Refuse, Blackhole float64
	// Unsent is the probability that a connection turns out to be closed before the
	// first byte, CutRequest that it is reset within the request, CutReply that it
	// is reset within the reply, after the request was executed.
	Unsent, CutRequest, CutReply float64
	// Silent is the probability that a request is executed and not answered,
	// Fail that the application answers with an error, Garble that the answer
	// cannot be decoded.
	Silent, Fail, Garble float64
	// Late is the probability that the reply of a cancelled exchange still arrives,
	// Double that a reply arrives twice. With Double servers also go on sending
	// after the end of a stream.
	Late, Double float64
	// Streams is how many exchanges and streams a shared connection carries at
	// once, 0 for any number. Leave is the probability that the server accepts
	// nothing more on it after an exchange.
	Streams int
	Leave   float64
	// For streams, Stall is the probability that the server stops reading, Early
	// that it ends the stream early. Silent is the probability that it never sends
	// anything, Fail that it ends the stream with an error, CutRequest and CutReply
	// that the connection is reset.
	Stall, Early float64
}

// Call is one call.
type Call struct {
	// At is when it is made.
	At time.Duration
	// Service is what is called; if there are Addresses, it is only a label.
	Service   string
	Addresses []string
	// Deadline is that of the caller's context, from At; 0 is none. Timeout bounds
	// the call if there is no Deadline; 0 is none.
	Deadline, Timeout time.Duration
	// AttemptTimeout bounds one attempt; 0 bounds it by the call only.
	AttemptTimeout time.Duration
	// Attempts is how many may be made, up to 255. Defaults to 1.
	Attempts int
	// HedgeAfter is when a second attempt starts beside the first; 0 is never.
	HedgeAfter time.Duration
	// Idempotent calls may be executed more than once.
	Idempotent bool
	// BackoffBase and BackoffCap are the parameters of the backoff.
	BackoffBase, BackoffCap time.Duration
	// CancelAfter is when the caller cancels the call, from At; 0 is never.
	CancelAfter time.Duration
	// Wish is the retry function's decision on every failure. [messages.WantRetry]
	// makes the call idempotent, whatever Idempotent says.
	Wish messages.Wish
	// Panic is where user code panics, the first time it is called.
	Panic Panic
	// Size is the length of the request in bytes, at least 16.
	Size int
	// Close closes each connection after one use.
	Close bool
	// Shared calls share a plan with calls like them, as in a client. The others
	// have a plan of their own, and the choice of their nodes is checked.
	Shared bool
}

// Stream is one stream.
type Stream struct {
	// At is when it is opened.
	At time.Duration
	// Service and Addresses as in [Call].
	Service   string
	Addresses []string
	// Kind says who sends what.
	Kind StreamKind
	// Messages that the user sends, and Replies of the server to a
	// [ServerStream], with Gap between two of them.
	Messages, Replies int
	Gap               time.Duration
	// HalfClose calls CloseSend after the last message.
	HalfClose bool
	// ReadGap is how long the user waits after each received message.
	ReadGap time.Duration
	// StopAfter is how many messages the user receives before it stops, 0 for all;
	// CancelAfter is when it stops, from At, 0 for never. To stop, it closes the
	// stream or, with StopByContext, cancels its context.
	StopAfter     int
	CancelAfter   time.Duration
	StopByContext bool
	// Deadline is that of the context, Timeout bounds the stream; OpenTimeout bounds
	// the opening if there is no Deadline, AttemptTimeout one attempt of it. 0 is
	// none.
	Deadline, Timeout, OpenTimeout, AttemptTimeout time.Duration
	// Attempts to open it, up to 255. Defaults to 1.
	Attempts int
	// HalfCloseWait is how long to wait for a message after CloseSend on a connection
	// without streams.
	HalfCloseWait time.Duration
}

// StreamKind says who sends what.
type StreamKind uint8

// The kinds.
const (
	// BidiStream: the server answers each message with one, and ends the stream
	// after CloseSend.
	BidiStream StreamKind = iota
	// ClientStream: the server answers CloseSend with one message.
	ClientStream
	// ServerStream: the user calls CloseSend at once, and the server sends.
	ServerStream
)

// Publish is one message that is published.
type Publish struct {
	// At is when it is published.
	At time.Duration
	// Deadline, Timeout, AttemptTimeout, Attempts, Idempotent and CancelAfter
	// as in [Call].
	Deadline, Timeout, AttemptTimeout time.Duration
	Attempts                          int
	Idempotent                        bool
	CancelAfter                       time.Duration
}

// Panic is where user code panics.
type Panic uint8

// The places.
const (
	// NoPanic: nowhere.
	NoPanic Panic = iota
	// PanicFill: while the request is encoded.
	PanicFill
	// PanicReplyError: while the reply is checked for an error.
	PanicReplyError
	// PanicDecode: while the reply is decoded.
	PanicDecode
	// PanicRetry: in the retry function.
	PanicRetry
	// PanicPick: in the selection strategy. Not for shared calls.
	PanicPick
	// PanicFilter: in a filter of the call. Not for shared calls.
	PanicFilter
)

// Event changes the world.
type Event struct {
	// At is when it happens.
	At time.Duration
	// Do is what happens.
	Do Change
	// Node is the address of the node that changes, if one does.
	Node string
	// Behaviour is the new one, for [Behave].
	Behaviour Behaviour
	// Limits are the new ones, for [SetLimits].
	Limits messages.PoolLimits
}

// Change is what an [Event] does.
type Change uint8

// The changes.
const (
	// Behave gives the node another behaviour.
	Behave Change = iota
	// Crash resets all connections of the node; dials are refused.
	Crash
	// Restart brings a crashed node back.
	Restart
	// Register makes the node known to the registry.
	Register
	// Deregister removes the node from the registry.
	Deregister
	// RegistryDown breaks all watches and makes all lookups fail.
	RegistryDown
	// RegistryUp ends RegistryDown and RegistryBlank.
	RegistryUp
	// RegistryBlank brings back a registry that was down, but without any nodes. It
	// has no effect on one that was not down.
	RegistryBlank
	// SetLimits changes the limits of the client's pools.
	SetLimits
)
