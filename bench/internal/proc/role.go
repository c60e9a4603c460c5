// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"example.com/mailcall/bench/internal/load"
	"example.com/mailcall/bench/internal/server"
)

// Commands that the parent writes.
const (
	// AskUsage makes a server answer with its [Usage].
	AskUsage = "usage"
	// AskMeasure makes a holder answer with its load.Hold.
	AskMeasure = "measure"
)

// Hello is the first value that a server or holder writes.
type Hello struct {
	// Address is the address of a server; "" for a holder.
	Address string `json:"address,omitempty"`
}

// Usage is what a server has used and counted since its start.
type Usage struct {
	// CPU is user and system time, in nanoseconds.
	CPU int64 `json:"cpu_ns"`
	// Requests is counted by silent servers only.
	Requests int64 `json:"requests"`
}

// Serve plays a server: it writes a [Hello] and answers [AskUsage] until in ends.
func Serve(kind string, in io.Reader, out io.Writer) error {
	s, err := server.Start(kind)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	enc := json.NewEncoder(out)
	if err = enc.Encode(Hello{Address: s.Address()}); err != nil {
		return err
	}
	return answer(in, AskUsage, func() error {
		cpu, err := load.CPU()
		if err != nil {
			return err
		}
		return enc.Encode(Usage{CPU: cpu.Nanoseconds(), Requests: s.Requests()})
	})
}

// Load plays a client for one slice and writes its load.Sample.
func Load(ctx context.Context, o load.Options, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // ends with this process or with the parent
		_, _ = io.Copy(io.Discard, in)
		cancel()
	}()
	sample, err := load.Run(ctx, o)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(sample)
}

// Hold plays a holder: it begins the calls, writes a [Hello], and answers [AskMeasure]
// until in ends. The calls are still running when it returns, so the process should
// exit then.
func Hold(ctx context.Context, o load.Options, in io.Reader, out io.Writer) error {
	h, err := load.StartHolding(ctx, o)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(out)
	if err = enc.Encode(Hello{}); err != nil {
		return err
	}
	return answer(in, AskMeasure, func() error {
		figures, err := h.Measure()
		if err != nil {
			return err
		}
		return enc.Encode(figures)
	})
}

// answer calls reply for each line that equals the command, until in ends.
func answer(in io.Reader, command string, reply func() error) error {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if got := lines.Text(); got != command {
			return fmt.Errorf("command %.40q is unknown; this role knows %s", got, command)
		}
		if err := reply(); err != nil {
			return err
		}
	}
	return lines.Err()
}
