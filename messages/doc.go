// SPDX-License-Identifier: Apache-2.0

// Package messages defines what the actors send to each other, and the state
// that they publish.
//
// Each kind of actor has one sealed set of messages, in one file:
//
//	caller.go     SupervisorMessage  a call: one supervisor, up to two live attempts
//	              AttemptMessage
//	keeper.go     KeeperMessage      a pool: the connections to one address
//	publisher.go  PublisherMessage   the connection to the broker
//	retrier.go    RetrierMessage     the budget that retries and hedges share
//	root.go       RootMessage        the parent of selectors and keepers
//	selector.go   SelectorMessage    a service: its nodes and their health
//	stream.go     StreamMessage      an open stream
//
// A message is immutable once it has been sent; where it carries a pointer, its
// comment says who owns what. Commands are in the imperative, facts in the past
// tense, and each comment says which reply follows and how many times.
//
// Published state ([Service], [View], [Node], [Pool]) is written by the actor
// that owns it and read by everybody else without a message. This is why a call
// on a warm connection needs no request to another actor.
//
// [Snapshot] is the same state in a form for people: the inspector prints it.
package messages
