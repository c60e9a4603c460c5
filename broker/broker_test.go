// SPDX-License-Identifier: Apache-2.0

package broker_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"example.com/mailcall/broker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNotSent(t *testing.T) {
	err := broker.NotSent(io.ErrClosedPipe)
	if !errors.Is(err, broker.ErrNotSent) || !errors.Is(err, io.ErrClosedPipe) || err.Error() != io.ErrClosedPipe.Error() {
		t.Errorf("got %v, want ErrNotSent with the text of its cause", err)
	}
	if err := broker.NotSent(nil); err != nil {
		t.Errorf("got %v, want nil", err)
	}
}

// What proves something of one subscriber proves nothing of the message.
func TestPartialError(t *testing.T) {
	err := error(&broker.PartialError{
		Topic: "a", Delivered: []string{"x", "y"},
		Failed: []broker.Failure{{Name: "z", Err: broker.NotSent(broker.ErrFull)}, {Name: "w", Err: io.EOF}},
	})
	if errors.Is(err, broker.ErrNotSent) || !errors.Is(err, broker.ErrFull) || !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want ErrFull and io.EOF and not ErrNotSent", err)
	}
	for _, part := range []string{`"a"`, "2 of 4", "z: " + broker.ErrFull.Error(), "w: EOF", "x, y"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("got %q, want %q in it", err, part)
		}
	}
	if err := broker.NotSent(err); !errors.Is(err, broker.ErrNotSent) {
		t.Errorf("got %v, want ErrNotSent", err)
	}
}

func TestSubscribeOptions(t *testing.T) {
	o, err := broker.NewSubscribeOptions(nil, broker.WithQueue("q"), broker.WithWaiting(3), broker.WithWaitingBytes(4),
		broker.WithErrorFunc(func(broker.Event, error) {}))
	if err != nil || o.Queue != "q" || o.Waiting != 3 || o.WaitingBytes != 4 || o.OnError == nil {
		t.Errorf("got %+v, %v, want what was set", o, err)
	}
	if o, err = broker.NewSubscribeOptions(); err != nil || o.Waiting != broker.DefaultWaiting || o.WaitingBytes != broker.DefaultWaitingBytes {
		t.Errorf("got %+v, %v, want the defaults", o, err)
	}
	for _, bad := range []broker.SubscribeOption{
		broker.WithWaiting(0), broker.WithWaiting(1<<20 + 1), broker.WithWaitingBytes(0), broker.WithWaitingBytes(1<<30 + 1),
	} {
		if _, err := broker.NewSubscribeOptions(bad); err == nil {
			t.Error("got nil for an option out of range, want an error")
		}
	}
}
