// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/rpcerr"
)

const (
	// defaultRate is the rate for --rate 0: high enough that every fault affects calls,
	// and low enough for any machine.
	defaultRate = 2000
	// A caller waits for its call, so there must be more callers than calls in flight
	// while nodes are slow: those of a tenth of a second, within bounds.
	minCallers, maxCallers = 32, 512
	// maxCauses bounds the number of distinct errors that are reported.
	maxCauses = 8
)

// load makes calls at a constant rate and counts the outcomes. Latency is measured from
// the time at which a call was due, so that a stall counts for every call that it
// delays.
type load struct {
	client   *api.Caller
	rate     int
	calls    atomic.Int64
	answered atomic.Int64
	latency  histogram

	mu     sync.Mutex
	causes []cause
}

// cause is an error of lost calls.
type cause struct {
	Error string `json:"error"`
	Count int64  `json:"count"`
}

// run makes calls until ctx ends and returns when the last call has returned. Calls in
// flight are completed, so ending the demo loses none.
func (l *load) run(ctx context.Context) {
	began := time.Now()
	interval := time.Second / time.Duration(l.rate)
	var next atomic.Int64
	var callers sync.WaitGroup
	for range min(max(l.rate/10, minCallers), maxCallers) {
		callers.Go(func() {
			timer := time.NewTimer(0)
			defer timer.Stop()
			for {
				due := began.Add(time.Duration(next.Add(1)-1) * interval)
				timer.Reset(time.Until(due))
				select {
				case <-timer.C:
				case <-ctx.Done():
				}
				if ctx.Err() != nil {
					return
				}
				l.call(context.WithoutCancel(ctx), due)
			}
		})
	}
	callers.Wait()
}

func (l *load) call(ctx context.Context, due time.Time) {
	l.calls.Add(1)
	rsp := &greet.HelloReply{}
	err := l.client.Call(ctx, l.client.NewRequest(serviceName, "Greeter.Hello", &greet.HelloRequest{Name: "Ada"}), rsp)
	if err == nil && rsp.GetGreeting() != "Hello Ada" {
		err = fmt.Errorf("the answer is %q", rsp.GetGreeting())
	}
	if err != nil {
		l.countLost(err)
		return
	}
	l.latency.record(time.Since(due))
	l.answered.Add(1)
}

// countLost counts a lost call by its cause and the retrier's last decision, without the
// numbers that differ from call to call.
func (l *load) countLost(err error) {
	text := err.Error()
	if call, ok := errors.AsType[*rpcerr.CallError](err); ok {
		text = textOf(call.Err)
		if n := len(call.Attempts); n > 0 {
			text = fmt.Sprintf("%s: %s; %s", call.Attempts[n-1].Phase, text, call.Attempts[n-1].Decision)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.causes {
		if l.causes[i].Error == text {
			l.causes[i].Count++
			return
		}
	}
	if len(l.causes) == maxCauses {
		l.causes = append(l.causes, cause{Error: "others"})
	}
	if n := len(l.causes); n > maxCauses {
		l.causes[n-1].Count++
		return
	}
	l.causes = append(l.causes, cause{text, 1})
}

func (l *load) lost() []cause {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]cause{}, l.causes...)
}
