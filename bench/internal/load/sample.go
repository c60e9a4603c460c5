// SPDX-License-Identifier: Apache-2.0

// Package load drives one contender from inside its own process and measures
// that process. It reads the wall clock: measuring it is what it is for.
package load

import (
	"time"

	"example.com/mailcall/bench/internal/contender"
)

// Options say what to run. They are checked by [Options.Check].
type Options struct {
	// Scenario chooses the table of contenders, and with it the message: a
	// wrapperspb.BytesValue in Calls, an echo.Message in the others.
	Scenario contender.Scenario
	// Mode is what streams are opened for, "" in the other scenarios.
	Mode contender.Mode
	// Contender is a name from the table of contenders.
	Contender string
	// Address is the "host:port" of the server.
	Address string
	// Callers is how many goroutines call, or how many streams there are, 1 to
	// [MaxCallers].
	Callers int
	// Payload is the size of the encoded request or message, in bytes.
	Payload int
	// Warmup is how long the callers run before anything is counted.
	Warmup time.Duration
	// Slice is how long is counted.
	Slice time.Duration
	// DeadlineContext gives each call a context with a deadline.
	DeadlineContext bool
}

// Sample is what one contender showed in one round of one cell. A call is a
// message there and back on a ping-pong stream, and a message sent on a one-way
// stream, which has no latency.
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
	// Seconds is how long the slice really was.
	Seconds float64 `json:"seconds"`
	// CallsPerSecond is Calls / Seconds.
	CallsPerSecond float64 `json:"calls_per_second"`
	// ClientCPU is user + system time of the client process per call, in
	// microseconds; ServerCPU that of the server over warm-up and slice.
	ClientCPU float64 `json:"client_cpu_us"`
	ServerCPU float64 `json:"server_cpu_us"`
	// Allocs and Bytes are what the client allocated per call.
	Allocs float64 `json:"allocs"`
	Bytes  float64 `json:"bytes"`
	// P50, P99 and Max are latencies in microseconds, good to 1 %; 0 where
	// there are none.
	P50 int64 `json:"p50_us"`
	P99 int64 `json:"p99_us"`
	Max int64 `json:"max_us"`
	// Collections is the number of garbage collections in the slice.
	Collections uint32 `json:"collections"`
}

// Hold is what calls that wait cost in memory. All sizes are bytes per call,
// differences between before the first caller and all callers waiting.
type Hold struct {
	// Contender is the contender's name.
	Contender string `json:"contender"`
	// Round counts from 1; the driver sets it.
	Round int `json:"round"`
	// Callers is the number of calls that wait.
	Callers int `json:"callers"`
	// RSS is the resident memory as it is found; 0 where the system does not
	// tell.
	RSS float64 `json:"rss"`
	// SettledRSS is the same after a collection that gave memory back.
	SettledRSS float64 `json:"settled_rss"`
	// Heap is HeapInuse after that collection, Stack is StackInuse.
	Heap  float64 `json:"heap"`
	Stack float64 `json:"stack"`
	// Goroutines is how many goroutines there are per call.
	Goroutines float64 `json:"goroutines"`
}
