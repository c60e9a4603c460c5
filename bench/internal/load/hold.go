// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"example.com/mailcall/bench/internal/contender"
	"example.com/mailcall/bench/internal/echo"
)

const (
	// holdTimeout is longer than any measurement.
	holdTimeout = time.Hour
	// pace and burst limit the rate at which calls begin (20,000 per second), so that
	// the server's connection backlog does not overflow.
	pace  = time.Millisecond
	burst = 20
)

// Holding is a set of calls to a server that never answers. It lasts until the process
// ends, because there is no way to end the calls that all contenders support.
type Holding struct {
	opts   Options
	before memory
	failed atomic.Pointer[string]
}

// StartHolding begins o.Callers calls, each on its own goroutine, and returns without
// waiting for the requests to arrive. Slice and Warmup are ignored.
func StartHolding(ctx context.Context, o Options) (*Holding, error) {
	o.Scenario, o.Slice, o.Warmup = contender.Memory, 1, 0
	if err := o.Check(); err != nil {
		return nil, err
	}
	value, err := o.value()
	if err != nil {
		return nil, err
	}
	client, err := o.open(holdTimeout)
	if err != nil {
		return nil, err
	}
	h := &Holding{opts: o}
	debug.FreeOSMemory()
	h.before = readMemory()
	for i := range o.Callers {
		if i%burst == 0 {
			if err = pause(ctx, pace); err != nil {
				return nil, err
			}
		}
		caller, err := client.Caller(i)
		if err != nil {
			return nil, fmt.Errorf("caller %d: %w", i, err)
		}
		go h.call(ctx, caller, value)
	}
	return h, nil
}

func (h *Holding) call(ctx context.Context, c contender.Caller, value []byte) {
	if h.opts.DeadlineContext {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, holdTimeout)
		defer cancel()
	}
	text := "answered by a server that never answers"
	if err := c.Call(ctx, &echo.Message{Number: 1, Data: value}, new(echo.Message)); err != nil {
		text = err.Error()
	}
	h.failed.CompareAndSwap(nil, &text)
}

// Measure returns the memory per call. Call it once the server has received all
// requests. It returns an error if a call has ended.
func (h *Holding) Measure() (Hold, error) {
	found := readMemory()
	debug.FreeOSMemory()
	settled := readMemory()
	if text := h.failed.Load(); text != nil {
		return Hold{}, fmt.Errorf("%s: a call ended: %s", h.opts.Contender, *text)
	}
	per := func(after, before uint64) float64 {
		return (float64(after) - float64(before)) / float64(h.opts.Callers)
	}
	return Hold{
		Contender: h.opts.Contender, Callers: h.opts.Callers,
		RSS: per(found.rss, h.before.rss), SettledRSS: per(settled.rss, h.before.rss),
		Heap: per(settled.heap, h.before.heap), Stack: per(settled.stack, h.before.stack),
		Goroutines: per(settled.goroutines, h.before.goroutines),
	}, nil
}

// memory is the memory of this process, in bytes.
type memory struct{ rss, heap, stack, goroutines uint64 }

func readMemory() memory {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return memory{rss: rss(), heap: m.HeapInuse, stack: m.StackInuse, goroutines: uint64(runtime.NumGoroutine())}
}

// rss reads the resident set size from Linux's /proc; elsewhere it is 0.
func rss() uint64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(data))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseUint(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * uint64(os.Getpagesize())
}
