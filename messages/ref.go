// SPDX-License-Identifier: Apache-2.0

package messages

import "github.com/asynkron/protoactor-go/actor"

// Ref is the address of an actor that takes messages of type M; sending it
// anything else does not compile. The zero Ref refers to no actor. A Ref is
// safe for concurrent use.
type Ref[M any] struct {
	system *actor.ActorSystem
	pid    *actor.PID
}

// NewRef returns a reference to the actor behind pid.
func NewRef[M any](system *actor.ActorSystem, pid *actor.PID) Ref[M] {
	return Ref[M]{system: system, pid: pid}
}

// Tell puts m into the actor's mailbox and returns at once. With the zero Ref
// it does nothing.
func (r Ref[M]) Tell(m M) {
	if r.pid != nil {
		r.system.Root.Send(r.pid, m)
	}
}

// PID returns the protoactor address, nil for the zero Ref.
func (r Ref[M]) PID() *actor.PID { return r.pid }
