// SPDX-License-Identifier: Apache-2.0

// Package messages is what the actors say to each other, and what they
// publish for everybody to read.
//
// Each actor has one file and one sealed set of messages:
//
//	caller.go    SupervisorMessage  a call: one supervisor, up to two live attempts
//	             AttemptMessage
//	keeper.go    KeeperMessage      a pool: the connections to one address
//	selector.go  SelectorMessage    a service: its nodes and their health
//	retrier.go   RetrierMessage     the budget that retries and hedges share
//	root.go      RootMessage        the parent of selectors and keepers
//
// A message is immutable once it was told; where it carries a pointer, its
// doc says who owns what. Commands are imperative, facts are in the past
// tense, and each doc says which reply follows and how many times.
//
// Published state is the other half ([Service], [View], [Node], [Pool]):
// an actor owns it, everybody reads it without asking. That is what makes a
// call on a warm connection free of any request to another actor.
//
// [Snapshot] is the picture of all that for people.
package messages
