// SPDX-License-Identifier: Apache-2.0

package rpcerr_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"example.com/mailcall/rpcerr"
)

func TestNames(t *testing.T) {
	for p, want := range map[fmt.Stringer]string{
		rpcerr.PhaseQueue: "queue", rpcerr.PhasePick: "pick", rpcerr.PhaseAcquire: "acquire", rpcerr.PhaseDial: "dial",
		rpcerr.PhaseSend: "send", rpcerr.PhaseWait: "wait", rpcerr.PhaseDecode: "decode", rpcerr.Phase(9): "phase(9)",
		rpcerr.NotSent: "not-sent", rpcerr.SentUnknown: "sent-unknown", rpcerr.Executed: "executed", rpcerr.Proof(9): "proof(9)",
	} {
		if got := p.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestCallErrorText(t *testing.T) {
	refused := errors.New("connection refused")
	dial := rpcerr.Attempt{Node: "127.0.0.1:9001", Phase: rpcerr.PhaseDial}
	for _, tc := range []struct {
		name string
		err  rpcerr.CallError
		want string
	}{
		{"no attempt", rpcerr.CallError{Err: rpcerr.ErrOverloaded}, "mailcall: greeter Greeter.Hello: overloaded"},
		{"one", rpcerr.CallError{Elapsed: 1234567 * time.Nanosecond, Attempts: []rpcerr.Attempt{dial}, Err: refused},
			"mailcall: greeter Greeter.Hello: 1 attempt in 1.23ms: 127.0.0.1:9001: dial: connection refused"},
		{"three, the last without a node", rpcerr.CallError{
			Elapsed: 412 * time.Millisecond, Attempts: []rpcerr.Attempt{dial, dial, {}}, Err: rpcerr.ErrNoneAvailable,
		}, "mailcall: greeter Greeter.Hello: 3 attempts in 412ms: no node available"},
		{"no cause", rpcerr.CallError{}, "mailcall: greeter Greeter.Hello: "},
	} {
		tc.err.Service, tc.err.Endpoint = "greeter", "Greeter.Hello"
		if got := tc.err.Error(); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestCallErrorShowsItsCause(t *testing.T) {
	var err error = &rpcerr.CallError{Err: fmt.Errorf("waiting: %w", context.DeadlineExceeded)}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got no deadline in %v, want one", err)
	}
	err = fmt.Errorf("ordering: %w", &rpcerr.CallError{Err: rpcerr.Parse(`{"id":"a","code":409}`)})
	var found *rpcerr.Error
	if !errors.As(err, &found) || found.Code != 409 || !found.FromServer() {
		t.Errorf("got %v, want the service's 409", found)
	}
}

type timeout struct{ error }

func (timeout) Timeout() bool { return true }

func TestFrom(t *testing.T) {
	own := rpcerr.New("greeter.fail", 404, "no such thing")
	for _, tc := range []struct {
		name string
		err  error
		code int32
		id   string
	}{
		{"an Error", own, 404, "greeter.fail"},
		{"an Error inside", fmt.Errorf("x: %w", own), 404, "greeter.fail"},
		{"deadline", context.DeadlineExceeded, 408, rpcerr.IDClient},
		{"attempt", fmt.Errorf("x: %w", rpcerr.ErrAttemptTimeout), 408, rpcerr.IDClient},
		{"network timeout", timeout{io.EOF}, 408, rpcerr.IDClient},
		{"canceled", context.Canceled, 500, rpcerr.IDClient},
		{"other", io.EOF, 500, rpcerr.IDClient},
		{"nil", nil, 500, rpcerr.IDClient},
	} {
		for _, got := range []*rpcerr.Error{rpcerr.From(tc.err), (&rpcerr.CallError{Err: tc.err}).Wire()} {
			if got == nil || got.Code != tc.code || got.ID != tc.id {
				t.Errorf("%s: got %v, want code %d and id %s", tc.name, got, tc.code, tc.id)
			}
		}
	}
}

func TestAttemptJSON(t *testing.T) {
	for _, tc := range []struct {
		a    rpcerr.Attempt
		want string
	}{
		{rpcerr.Attempt{}, `{"node":"","phase":"queue","proof":"not-sent","start_ns":0,"duration_ns":0,"error":""}`},
		{rpcerr.Attempt{
			Node: "a:1", Phase: rpcerr.PhaseWait, Proof: rpcerr.SentUnknown, Start: 1, Duration: 2, Hedge: true,
			Err: io.EOF, Decision: "stop: not idempotent",
		}, `{"node":"a:1","phase":"wait","proof":"sent-unknown","start_ns":1,"duration_ns":2,"hedge":true,"error":"EOF","decision":"stop: not idempotent"}`},
	} {
		if got, err := json.Marshal(tc.a); err != nil || string(got) != tc.want {
			t.Errorf("got %s, %v, want %s", got, err, tc.want)
		}
	}
}
