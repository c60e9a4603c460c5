// SPDX-License-Identifier: Apache-2.0

package messages

// A message may come for an actor that is over: a reply for a call that was
// cut, news for a client that was closed. That is by design and loses nothing,
// so the actor system need not log it; see actor.IgnoreDeadLetterLogging.

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
func (NodeGone) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (Configure) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (Reconsider) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (Retune) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (Spare) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (Quit) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (Retire) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (Shutdown) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (Acquire) IgnoreDeadLetterLogging() {}
