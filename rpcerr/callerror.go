// SPDX-License-Identifier: Apache-2.0

package rpcerr

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Phase is how far an attempt came; the phases are in order of time. The zero value
// is PhaseQueue.
type Phase uint8

// The phases of an attempt.
const (
	// PhaseQueue: not begun. A call that is refused has no attempt, so no
	// attempt of a [CallError] has this phase.
	PhaseQueue Phase = iota
	// PhasePick: choosing a node, and looking the service up if needed.
	PhasePick
	// PhaseAcquire: waiting for a connection of the node's pool.
	PhaseAcquire
	// PhaseDial: opening a connection.
	PhaseDial
	// PhaseSend: writing the request.
	PhaseSend
	// PhaseWait: waiting for the reply.
	PhaseWait
	// PhaseDecode: decoding the reply into the caller's value.
	PhaseDecode
)

// String returns the lower-case name: "queue", "pick", "acquire", "dial",
// "send", "wait", "decode".
func (p Phase) String() string {
	names := [...]string{"queue", "pick", "acquire", "dial", "send", "wait", "decode"}
	if int(p) < len(names) {
		return names[p]
	}
	return fmt.Sprintf("phase(%d)", uint8(p))
}

// Proof is what is known about the execution of a failed attempt. The zero
// value is NotSent.
type Proof uint8

// The three proofs.
const (
	// NotSent: no byte of the request can have reached the server.
	NotSent Proof = iota
	// SentUnknown: the server may or may not have executed the request.
	SentUnknown
	// Executed: the server answered.
	Executed
)

// String returns "not-sent", "sent-unknown" or "executed".
func (p Proof) String() string {
	names := [...]string{"not-sent", "sent-unknown", "executed"}
	if int(p) < len(names) {
		return names[p]
	}
	return fmt.Sprintf("proof(%d)", uint8(p))
}

// Attempt is the record of one attempt of a call.
type Attempt struct {
	// Node is the address that was used, "" when none was chosen.
	Node string
	// Phase is how far the attempt came.
	Phase Phase
	// Proof says whether the server can have executed the request.
	Proof Proof
	// Start is the time from the beginning of the call to that of the attempt.
	Start time.Duration
	// Duration is how long the attempt took.
	Duration time.Duration
	// Hedge marks an attempt that raced an earlier one.
	Hedge bool
	// Err is why the attempt ended; nil if it answered the call.
	Err error
	// Decision is what was decided then, as text: "retry at once: not-sent",
	// "stop: all 3 attempts are used". "" if the call had ended and there was
	// nothing to decide.
	Decision string
}

// MarshalJSON implements json.Marshaler:
// {"node","phase","proof","start_ns","duration_ns","hedge","error","decision"}.
func (a Attempt) MarshalJSON() ([]byte, error) {
	text := ""
	if a.Err != nil {
		text = a.Err.Error()
	}
	return json.Marshal(struct {
		Node     string `json:"node"`
		Phase    string `json:"phase"`
		Proof    string `json:"proof"`
		Start    int64  `json:"start_ns"`
		Duration int64  `json:"duration_ns"`
		Hedge    bool   `json:"hedge,omitempty"`
		Error    string `json:"error"`
		Decision string `json:"decision,omitempty"`
	}{
		a.Node, a.Phase.String(), a.Proof.String(),
		int64(a.Start), int64(a.Duration), a.Hedge, text, a.Decision,
	})
}

// CallError is the error of a failed call: its cause, and the log of its attempts.
// It is immutable once it has been returned.
type CallError struct {
	// Service and Endpoint name what was called.
	Service, Endpoint string
	// Elapsed is how long the call took.
	Elapsed time.Duration
	// Attempts are the attempts that failed, in the order in which they ended; a
	// failure to find a node counts as one. Empty if the call was refused before it
	// began.
	Attempts []Attempt
	// Err is the cause: an *[Error] of the service, or the error of the last
	// attempt, or of the deadline. errors.Is and errors.As look into it.
	Err error
}

// Error returns one line: service, endpoint, number of attempts, time, and
// the cause with the last node and phase.
func (e *CallError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "mailcall: %s %s: ", e.Service, e.Endpoint)
	switch n := len(e.Attempts); n {
	case 0:
	case 1:
		fmt.Fprintf(&b, "1 attempt in %s: ", e.Elapsed.Round(10*time.Microsecond))
	default:
		fmt.Fprintf(&b, "%d attempts in %s: ", n, e.Elapsed.Round(10*time.Microsecond))
	}
	if n := len(e.Attempts); n > 0 {
		if last := e.Attempts[n-1]; last.Node != "" {
			fmt.Fprintf(&b, "%s: %s: ", last.Node, last.Phase)
		}
	}
	if e.Err != nil {
		b.WriteString(e.Err.Error())
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *CallError) Unwrap() error { return e.Err }

// Wire returns the cause as an [Error], in go-micro's form: the service's own error
// if there is one, else one made from the cause, with code 408 for a timeout and
// 500 for everything else.
func (e *CallError) Wire() *Error { return From(e.Err) }

// From returns err as an *[Error]: the one that it contains, else one with the id
// [IDClient] that is made from it, see [CallError.Wire].
func From(err error) *Error {
	if found, ok := errors.AsType[*Error](err); ok {
		return found
	}
	if IsTimeout(err) {
		return Wrap(err, IDClient, 408, "")
	}
	return Wrap(err, IDClient, 500, "")
}

// IsTimeout reports whether err is about a time limit that has passed: of an
// attempt, a dial, a read, or a context. It is false for nil.
func IsTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.Is(err, ErrAttemptTimeout) || errors.As(err, &t) && t.Timeout()
}
