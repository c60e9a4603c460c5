// SPDX-License-Identifier: Apache-2.0

package load_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/mailcall/bench/internal/contender"
	"example.com/mailcall/bench/internal/load"
	"example.com/mailcall/bench/internal/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, kind string) server.Server {
	t.Helper()
	s, err := server.Start(kind)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func options(address string) load.Options {
	return load.Options{
		Scenario: contender.Calls, Contender: "floor", Address: address, Callers: 4, Payload: 64,
		Warmup: 20 * time.Millisecond, Slice: 50 * time.Millisecond,
	}
}

func TestRunCountsCalls(t *testing.T) {
	o := options(start(t, server.Minimal).Address())
	for _, o.DeadlineContext = range []bool{false, true} {
		s, err := load.Run(t.Context(), o)
		if err != nil {
			t.Fatalf("got %v, want no error", err)
		}
		if s.Calls < 1 || s.TotalCalls <= s.Calls || s.Errors != 0 || s.CallsPerSecond <= 0 {
			t.Errorf("got %+v, want calls in slice and warm-up and no errors", s)
		}
		if s.P50 < 1 || s.P99 < s.P50 || s.Max < s.P99 || s.Allocs < 3 || s.ClientCPU <= 0 {
			t.Errorf("got %+v, want ordered latencies, three allocations at least, some CPU", s)
		}
	}
}

func TestRunCountsMessages(t *testing.T) {
	o := options(start(t, server.GRPC).Address())
	o.Scenario, o.Contender = contender.Streams, "grpc"
	for _, o.Mode = range []contender.Mode{contender.PingPong, contender.OneWay} {
		s, err := load.Run(t.Context(), o)
		if err != nil {
			t.Fatalf("%s: got %v, want no error", o.Mode, err)
		}
		if s.Calls < 1 || s.TotalCalls <= s.Calls || s.Errors != 0 {
			t.Errorf("%s: got %+v, want messages in slice and warm-up and no errors", o.Mode, s)
		}
		if timed := s.P99 > 0; timed != (o.Mode == contender.PingPong) {
			t.Errorf("%s: got p99 %d, want one of ping-pong only", o.Mode, s.P99)
		}
	}
}

func TestBareCallersAllocateNothing(t *testing.T) {
	o := options(start(t, server.RawMux).Address())
	o.Scenario, o.Contender = contender.RPC, "raw-mux"
	s, err := load.Run(t.Context(), o)
	if err != nil || s.Calls < 1 || s.Errors != 0 {
		t.Fatalf("got %+v, error %v, want calls and no errors", s, err)
	}
	if s.Allocs > 1 { // includes those of reading the figures
		t.Errorf("got %.2f allocations a call, want nearly none", s.Allocs)
	}
}

func TestRunReportsErrorsOfCalls(t *testing.T) {
	s := start(t, server.Greeter)
	o := options(s.Address())
	o.Contender = "nethttp"
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	sample, err := load.Run(t.Context(), o)
	if err != nil {
		t.Fatalf("got %v, want a sample", err)
	}
	if sample.Calls != 0 || sample.Errors != 40 || !strings.Contains(sample.FirstError, "refused") {
		t.Errorf("got %d calls, %d errors, first %q, want 0, 10 a caller, refused", sample.Calls, sample.Errors, sample.FirstError)
	}
}

func TestRunStopsWithItsContext(t *testing.T) {
	o := options(start(t, server.Minimal).Address())
	o.Slice = time.Minute
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := load.Run(ctx, o); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want context.DeadlineExceeded", err)
	}
}

func TestCheck(t *testing.T) {
	good := options("x")
	if err := good.Check(); err != nil {
		t.Fatalf("got %v, want no error", err)
	}
	for name, change := range map[string]func(*load.Options){
		"scenario":   func(o *load.Options) { o.Scenario = "other" },
		"mode":       func(o *load.Options) { o.Mode = contender.OneWay },
		"no mode":    func(o *load.Options) { o.Scenario, o.Contender = contender.Streams, "grpc" },
		"contender":  func(o *load.Options) { o.Contender = "other" },
		"no callers": func(o *load.Options) { o.Callers = 0 },
		"callers":    func(o *load.Options) { o.Callers = load.MaxCallers + 1 },
		"payload":    func(o *load.Options) { o.Payload = 1 },
		"no slice":   func(o *load.Options) { o.Slice = 0 },
		"warm-up":    func(o *load.Options) { o.Warmup = time.Hour },
	} {
		o := good
		change(&o)
		if o.Check() == nil {
			t.Errorf("%s: got no error, want one", name)
		}
	}
}

func TestHoldMeasuresWaitingCalls(t *testing.T) {
	s := start(t, server.Silent)
	o := options(s.Address())
	o.Callers = 50
	h, err := load.StartHolding(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for s.Requests() < 50 {
		runtime.Gosched()
	}
	got, err := h.Measure()
	if err != nil {
		t.Fatalf("got %v, want no error", err)
	}
	if got.Callers != 50 || got.Goroutines < 1 {
		t.Errorf("got %+v, want 50 callers and a goroutine each", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for err == nil { // until the first call has noticed the close
		_, err = h.Measure()
	}
	if !strings.Contains(err.Error(), "a call ended") {
		t.Errorf("got %v, want that a call ended", err)
	}
}
