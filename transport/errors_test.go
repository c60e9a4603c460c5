// SPDX-License-Identifier: Apache-2.0

package transport_test

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"

	"example.com/mailcall/transport"
)

func TestNotSent(t *testing.T) {
	cause := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	err := fmt.Errorf("greeter: %w", transport.NotSent(cause))
	if !errors.Is(err, transport.ErrNotSent) || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v that does not match, want ErrNotSent and the cause", err)
	}
	var found *net.OpError
	if !errors.As(err, &found) || found != cause {
		t.Errorf("got %v, want the cause from errors.As", found)
	}
	if got, want := err.Error(), "greeter: "+cause.Error(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if errors.Is(cause, transport.ErrNotSent) {
		t.Error("got ErrNotSent from an error that was not marked, want none")
	}
}

func TestNotSentOfNil(t *testing.T) {
	if err := transport.NotSent(nil); err != nil {
		t.Errorf("got %v, want nil", err)
	}
}
