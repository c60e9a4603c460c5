// SPDX-License-Identifier: Apache-2.0

// Package caller makes calls: each has a supervisor actor, which runs attempt
// actors and ends the call at its deadline at the latest.
//
// The actors are recycled rather than spawned: a [Desk] keeps cells of one
// supervisor and two attempts with permanent addresses, and each call uses one.
// Their turns run on the goroutine that waits for the call.
//
// The files, in the order in which a call meets them:
//
//	plan.go        what the facade says about a call: Plan and Exchange
//	desk.go        admission, and the free cells
//	cell.go        the memory of one call, from its beginning to its outcome
//	turns.go       the loop that runs the turns, and parks when there are none
//	actor.go       the supervisor: attempts, the deadline, the end of the call
//	state.go       what the supervisor does next, without any actors
//	choice.go      which node the next attempt goes to
//	attempt.go     the attempt: how far it came, and what that proves
//	lease.go       its connection, from the pool or from the keeper
//	exchange.go    its request, and which way the exchange is carried:
//	inline.go      - on an exclusive connection, in the network poller
//	parallel.go    - on a parallel one, in the library of the transport
//	async.go       - begun here and answered later, without a goroutine
//	aside.go       - on a goroutine of its own
//	wrapped.go     - any of these, within the user's call wrappers
//	open.go        a call whose result is a stream
//
// and what they share:
//
//	mailbox.go     messages to the actors of a cell
//	post.go        their delivery by other goroutines, and late ones
//	process.go     their delivery by protoactor
//	guarded.go     user code, whose panics become errors
//	drain.go       closing a desk
//	shown.go       what a call shows of itself while it runs
//	snapshot.go    what the inspector makes of that
package caller
