// SPDX-License-Identifier: Apache-2.0

package simtest

import (
	"time"

	"example.com/mailcall/messages"
)

// Scenario is what happens in a run. The zero value is a client without
// services that makes no calls.
type Scenario struct {
	// Services are known to the registry from the beginning.
	Services []Service
	// Calls that are made, in any order.
	Calls []Call
	// Streams that are opened, in any order.
	Streams []Stream
	// Publishes are messages that are published, in any order.
	Publishes []Publish
	// Broker is how the broker behaves: Latency, Unsent, CutRequest, Silent and
	// CutReply of a message, Dial, Refuse and Blackhole of connecting it; Fail
	// is that a topic has no subscribers.
	Broker Behaviour
	// Events that change the world meanwhile, in any order.
	Events []Event
	// Limits bound each pool. Max must be 1 or more.
	Limits messages.PoolLimits
	// Budget is shared by retries and hedges of a service.
	Budget messages.Budget
	// Picker chooses nodes. Defaults to the power of two choices.
	Picker messages.Picker
	// LookupTime is how long the registry takes to answer. Defaults to 1ms.
	LookupTime time.Duration
	// MaxCalls is how many calls may be in flight. Defaults to 1024.
	MaxCalls int
	// MaxStreams is how many streams may be open. Defaults to 1024.
	MaxStreams int
	// MaxServices is how many services may be known at once. Defaults to 1024.
	MaxServices int
	// CloseAt is when the client is closed, cutting what is in flight. 0
	// closes it when all calls are over.
	CloseAt time.Duration
	// Horizon is when calls without any bound are cut. Defaults to one minute
	// after the last call or event.
	Horizon time.Duration
	// Thorough compares with the client's own snapshot each time nothing is
	// left to do. It is several times slower.
	Thorough bool
	// Record keeps the text of the history; a run that fails keeps it anyway.
	Record bool
}

// Service is a name with nodes.
type Service struct {
	// Name is what the registry knows.
	Name string
	// Nodes that run it. A node serves one service.
	Nodes []Node
	// Wire is what connections to them can do.
	Wire Wire
}

// Wire is a kind of connection.
type Wire uint8

// The wires.
const (
	// WireAsync carries one exchange at a time, begun and answered later. It has
	// no streams.
	WireAsync Wire = iota
	// WireShared carries many exchanges and streams at once.
	WireShared
	// WireExclusive carries one exchange at a time for somebody who waits, and is
	// lent to a stream.
	WireExclusive
	// WirePlain is that without bounds and interruption.
	WirePlain
)

// Node is a simulated server.
type Node struct {
	// Address is what is dialled. Connections report another one as their
	// remote address, as those to a named host do.
	Address string
	// ID is the registry's. Defaults to the address. Of several nodes with one
	// ID the registry names the first that is registered.
	ID string
	// Behaviour until an event changes it.
	Behaviour Behaviour
	// Hidden nodes run but are not registered; [Call.Addresses] and [Register]
	// lead to them.
	Hidden bool
}

// Behaviour is how a node treats its peers. Probabilities go from 0 to 1; the
// zero value answers every call at once.
type Behaviour struct {
	// Dial is how long a connection takes, Latency how long an answer takes
	// from request to reply, of which Jitter is added up to.
	Dial, Latency, Jitter time.Duration
	// Refuse is the probability that a dial is refused, Blackhole that it is
	// never answered.
	Refuse, Blackhole float64
	// Unsent is the probability that a connection turns out to be closed
	// before the first byte, CutRequest that it is reset within the request,
	// CutReply within the reply: executed, but nobody knows.
	Unsent, CutRequest, CutReply float64
	// Silent is the probability that a request is executed and not answered,
	// Fail that the application answers with an error, Garble that the answer
	// cannot be decoded.
	Silent, Fail, Garble float64
	// Late is the probability that the reply of a cancelled exchange arrives
	// all the same, Double that a reply arrives twice.
	// Double servers also go on talking after the end of a stream.
	Late, Double float64
	// Streams is how many exchanges and streams a shared connection carries at
	// once, 0 for any number. Leave is the probability that the server takes
	// nothing more on one after an exchange.
	Streams int
	Leave   float64
	// Of a stream: Stall is the probability that the server stops reading, Early
	// that it ends it before its time. Silent is that it never says anything,
	// Fail that it ends in an error, CutRequest and CutReply that its connection
	// is reset.
	Stall, Early float64
}

// Call is one call.
type Call struct {
	// At is when it is made.
	At time.Duration
	// Service is what is called; with Addresses, only a label for them.
	Service   string
	Addresses []string
	// Deadline is that of the caller's context, from At. 0 is none. Timeout is
	// the client's own, used without a deadline. 0 is none.
	Deadline, Timeout time.Duration
	// AttemptTimeout bounds one attempt. 0 is no bound of its own.
	AttemptTimeout time.Duration
	// Attempts is how many may be made, up to 255. Defaults to 1.
	Attempts int
	// HedgeAfter is when a second attempt starts to race. 0 is never.
	HedgeAfter time.Duration
	// Idempotent calls may be executed more than once.
	Idempotent bool
	// BackoffBase and BackoffCap shape the backoff.
	BackoffBase, BackoffCap time.Duration
	// CancelAfter is when the caller gives up, from At. 0 is never.
	CancelAfter time.Duration
	// Wish is what the retry function says to every failure. [messages.WantRetry]
	// makes a call idempotent, whatever it says.
	Wish messages.Wish
	// Panic is where user code panics, the first time it is called.
	Panic Panic
	// Size is how long the request is, at least 16 bytes.
	Size int
	// Close uses each connection once.
	Close bool
	// Shared calls have a plan that calls like them share, as a client does
	// it; the others have one of their own, and their picks are watched.
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
	// HalfClose is done after the last message.
	HalfClose bool
	// ReadGap is how long the user takes for a message.
	ReadGap time.Duration
	// StopAfter is how many messages the user receives before it has enough, 0
	// is all; CancelAfter is when it has waited enough, from At, 0 is never. Then
	// it closes the stream, or with StopByContext ends its context.
	StopAfter     int
	CancelAfter   time.Duration
	StopByContext bool
	// Deadline is that of the context, Timeout the stream's own; OpenTimeout
	// bounds the opening where there is no deadline, AttemptTimeout one attempt
	// of it. 0 is none.
	Deadline, Timeout, OpenTimeout, AttemptTimeout time.Duration
	// Attempts at the opening, up to 255. Defaults to 1.
	Attempts int
	// Quiet is how long a lent connection may be silent after a half-close.
	Quiet time.Duration
}

// StreamKind says who sends what.
type StreamKind uint8

// The kinds.
const (
	// BidiStream: the server answers each message with one of its own, and ends
	// after the half-close.
	BidiStream StreamKind = iota
	// ClientStream: the server answers the half-close with one message.
	ClientStream
	// ServerStream: the user half-closes at once, and the server sends.
	ServerStream
)

// Publish is one message that is published.
type Publish struct {
	// At is when.
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
	// PanicJudge: while the reply is looked at for an error.
	PanicJudge
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
	// At is when.
	At time.Duration
	// Do is what.
	Do Change
	// Node is the address of the node that changes, if one does.
	Node string
	// Behaviour is the new one, for [Behave].
	Behaviour Behaviour
	// Limits are the new ones, for [Retune].
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
	// Deregister makes it unknown.
	Deregister
	// RegistryDown breaks all watches and fails all lookups.
	RegistryDown
	// RegistryUp ends that, and what follows.
	RegistryUp
	// RegistryBlank brings a registry back that was down, without any nodes. It
	// does nothing to one that was not.
	RegistryBlank
	// Retune gives the client's pools other limits.
	Retune
)
