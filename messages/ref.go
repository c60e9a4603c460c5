// SPDX-License-Identifier: Apache-2.0

package messages

import "github.com/asynkron/protoactor-go/actor"

// Ref is the address of an actor that understands messages of type M and no
// others: telling it anything else does not compile. The zero Ref is nobody.
// It is a value, safe for concurrent use.
type Ref[M any] struct {
	system *actor.ActorSystem
	pid    *actor.PID
}

// NewRef returns a reference to the actor behind pid.
func NewRef[M any](system *actor.ActorSystem, pid *actor.PID) Ref[M] {
	return Ref[M]{system: system, pid: pid}
}

// Tell puts m into the actor's mailbox and returns. Telling nobody does
// nothing.
func (r Ref[M]) Tell(m M) {
	if r.pid != nil {
		r.system.Root.Send(r.pid, m)
	}
}

// PID is the protoactor address, nil for nobody.
func (r Ref[M]) PID() *actor.PID { return r.pid }
