// SPDX-License-Identifier: Apache-2.0

package messages

// A message may arrive after its receiver has stopped: a reply for a call that
// was cancelled, or an update for a client that was closed. This is expected
// and loses nothing, so the actor system must not log it as a dead letter; see
// actor.IgnoreDeadLetterLogging.

// IgnoreDeadLetterLogging implements the actor library's interface.
func (Resolved) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (Judged) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (Leased) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (Replied) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (Cancel) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (Withdraw) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (Released) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (Dropped) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (Dialled) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (Tend) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (Retired) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (Mark) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (Outrun) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (Fold) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (Looked) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (Changed) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (WatchEnded) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (Review) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (Filtered) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (NodeLeaving) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (NodeGone) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (Configure) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (SetPolicy) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (SetLeaving) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (SetLimits) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (SetBudget) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (Quit) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (Retire) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (Shutdown) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (Acquire) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (StreamEnded) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (CancelStream) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (StreamTick) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (Connected) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (Hangup) IgnoreDeadLetterLogging() {}
