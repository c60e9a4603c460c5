// SPDX-License-Identifier: Apache-2.0

package rawmux_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/mailcall/bench/internal/rawmux"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, spawn bool, callers int) (*rawmux.Server, *rawmux.Client) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := rawmux.Serve(ln, spawn)
	t.Cleanup(func() { _ = s.Close() })
	c, err := rawmux.Dial(s.Address(), callers)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return s, c
}

func TestEveryCallerGetsItsOwnReply(t *testing.T) {
	for _, spawn := range []bool{false, true} {
		_, c := start(t, spawn, 20)
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				slot := c.Slot(i)
				for n := range 50 {
					want := bytes.Repeat([]byte(fmt.Sprint(i, n)), 1+n*n*4) // up to 50 KB
					got, err := slot.Echo(t.Context(), want)
					if err != nil || !bytes.Equal(got, want) {
						t.Errorf("caller %d, call %d: got %d bytes, error %v, want the %d sent", i, n, len(got), err, len(want))
						return
					}
				}
			})
		}
		wg.Wait()
	}
}

func TestCallsEndWithTheConnection(t *testing.T) {
	s, c := start(t, false, 2)
	slot := c.Slot(1)
	if _, err := slot.Echo(context.Background(), []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := slot.Echo(context.Background(), []byte("x")); err == nil {
			t.Error("got no error, want one")
		}
	}
}

func TestCallEndsWithItsContext(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0") // accepts connections and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	c, err := rawmux.Dial(ln.Addr().String(), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := c.Slot(0).Echo(ctx, []byte("x")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want context.DeadlineExceeded", err)
	}
}

func TestServerRefusesLongFrames(t *testing.T) {
	s, _ := start(t, false, 1)
	conn, err := net.Dial("tcp", s.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err = conn.Write([]byte{0xff, 0, 0, 0, 0, 0, 0, 0}); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 1)); err == nil {
		t.Errorf("got %d bytes, want the end", n)
	}
}

func TestCallsAllocateNothing(t *testing.T) {
	_, c := start(t, false, 1)
	slot, body, ctx := c.Slot(0), make([]byte, 1024), context.Background()
	got := testing.AllocsPerRun(200, func() {
		if _, err := slot.Echo(ctx, body); err != nil {
			t.Fatal(err)
		}
	})
	if got > 0.1 {
		t.Errorf("got %.2f allocations a call, want none", got)
	}
}
