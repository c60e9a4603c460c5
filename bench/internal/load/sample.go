// SPDX-License-Identifier: Apache-2.0

// Package load drives one contender in its own process and measures that process. It
// uses the wall clock, because it measures real time.
package load

import (
	"time"

	"example.com/mailcall/bench/internal/contender"
)

// Options say what to run. [Options.Check] validates them.
type Options struct {
	// Scenario selects the table of contenders and the message type:
	// wrapperspb.BytesValue for Calls, echo.Message for the others.
	Scenario contender.Scenario
	// Mode is the kind of streams, "" in the other scenarios.
	Mode contender.Mode
	// Contender is a name from the table of contenders.
	Contender string
	// Address is the "host:port" of the server.
	Address string
	// Callers is the number of calling goroutines, or of streams, 1 to [MaxCallers].
	Callers int
	// Payload is the size of the encoded request or message, in bytes.
	Payload int
	// Warmup is how long the callers run before the measurement.
	Warmup time.Duration
	// Slice is the duration of the measurement.
	Slice time.Duration
	// DeadlineContext gives each call a context with a deadline.
	DeadlineContext bool
}

// Sample is the result of one contender in one round of one cell. On a ping-pong stream
// a call is a message and its answer; on a one-way stream it is a sent message, which
// has no latency.
type Sample struct {
	// Contender is the contender's name.
	Contender string `json:"contender"`
	// Round counts from 1; the driver sets it.
	Round int `json:"round"`
	// Calls is the number of successful calls in the slice.
	Calls int64 `json:"calls"`
	// Errors is the number of failed ones; FirstError is the text of one.
	Errors     int64  `json:"errors"`
	FirstError string `json:"first_error,omitempty"`
	// TotalCalls counts from the start of the warm-up to the end.
	TotalCalls int64 `json:"total_calls"`
	// Seconds is the actual duration of the slice.
	Seconds float64 `json:"seconds"`
	// CallsPerSecond is Calls / Seconds.
	CallsPerSecond float64 `json:"calls_per_second"`
	// ClientCPU is the user and system time of the client process per call, in
	// microseconds; ServerCPU is that of the server, over warm-up and slice.
	ClientCPU float64 `json:"client_cpu_us"`
	ServerCPU float64 `json:"server_cpu_us"`
	// Allocs and Bytes are the allocations of the client per call.
	Allocs float64 `json:"allocs"`
	Bytes  float64 `json:"bytes"`
	// P50, P99 and Max are latencies in microseconds, with a precision of 1 %; 0 if
	// there are none.
	P50 int64 `json:"p50_us"`
	P99 int64 `json:"p99_us"`
	Max int64 `json:"max_us"`
	// Collections is the number of garbage collections in the slice.
	Collections uint32 `json:"collections"`
}

// Hold is the memory that waiting calls use. All sizes are bytes per call: the
// difference between before the first call and when all calls are waiting.
type Hold struct {
	// Contender is the contender's name.
	Contender string `json:"contender"`
	// Round counts from 1; the driver sets it.
	Round int `json:"round"`
	// Callers is the number of waiting calls.
	Callers int `json:"callers"`
	// RSS is the resident memory without a collection; 0 if the system does not report
	// it.
	RSS float64 `json:"rss"`
	// SettledRSS is the same after a collection that returned memory to the system.
	SettledRSS float64 `json:"settled_rss"`
	// Heap is HeapInuse after that collection, Stack is StackInuse.
	Heap  float64 `json:"heap"`
	Stack float64 `json:"stack"`
	// Goroutines is the number of goroutines per call.
	Goroutines float64 `json:"goroutines"`
}
