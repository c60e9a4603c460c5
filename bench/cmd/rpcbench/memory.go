// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/mailcall/bench/internal/contender"
	"example.com/mailcall/bench/internal/load"
	"example.com/mailcall/bench/internal/proc"
	"example.com/mailcall/bench/internal/report"
)

const (
	// arrival bounds the wait until the server has received all requests.
	arrival = time.Minute
	// pollEvery is how often the server is asked for its count.
	pollEvery = 50 * time.Millisecond
)

// driveMemory runs all contenders against a server that never answers, and reports.
func driveMemory(ctx context.Context, args []string, std streams) error {
	s, err := parse(args, contender.Memory, std.err)
	if err != nil {
		return err
	}
	d := &memoryDriver{settings: s, std: std}
	d.report = report.Memory{Header: s.header("Memory of waiting calls"), Payload: s.payloads[0]}
	d.report.Notes = []string{fmt.Sprintf("rounds %d; the server reads the requests and never answers", s.rounds)}
	err = d.drive(ctx)
	return s.finish(ctx, std, &d.report, err)
}

type memoryDriver struct {
	settings
	std    streams
	report report.Memory
}

func (d *memoryDriver) drive(ctx context.Context) error {
	o := d.cells()[0]
	for round := 1; round <= d.rounds; round++ {
		for _, name := range d.contenders {
			o.Contender = name
			hold, err := d.hold(ctx, o)
			if err != nil {
				return fmt.Errorf("%s, %d callers: %w", name, o.Callers, err)
			}
			hold.Round = round
			d.report.Samples = append(d.report.Samples, hold)
			_, _ = fmt.Fprintf(d.std.err, "[%d/%d] round %d/%d, %s: RSS %.0f, settled %.0f, heap %.0f, stack %.0f bytes per call\n",
				len(d.report.Samples), d.rounds*len(d.contenders), round, d.rounds, name, hold.RSS, hold.SettledRSS, hold.Heap, hold.Stack)
		}
	}
	return nil
}

// hold measures one contender. It has its own server, so that the server's count is of
// this contender only.
func (d *memoryDriver) hold(ctx context.Context, o load.Options) (h load.Hold, err error) {
	ctx, cancel := context.WithTimeout(ctx, arrival+patience)
	defer cancel()
	entry, err := contender.Find(d.scenario, o.Contender)
	if err != nil {
		return h, err
	}
	silent, err := startBackend(ctx, entry.Server)
	if err != nil {
		return h, err
	}
	defer func() { err = errors.Join(err, silent.Stop()) }()
	o.Address = silent.address
	holder, err := proc.Start(ctx, clientArgs(roleHolder, o)...)
	if err != nil {
		return h, err
	}
	defer func() { err = errors.Join(err, holder.Stop()) }()
	if err = holder.Read(&proc.Hello{}); err != nil {
		return h, err
	}
	if err = awaitRequests(ctx, silent, o.Callers); err != nil {
		return h, err
	}
	err = holder.Ask(proc.AskMeasure, &h)
	return h, err
}

func awaitRequests(ctx context.Context, silent *backend, want int) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	bound := time.NewTimer(arrival)
	defer bound.Stop()
	for {
		u, err := silent.usage()
		if err != nil {
			return err
		}
		if u.Requests >= int64(want) {
			return nil
		}
		select {
		case <-tick.C:
		case <-bound.C:
			return fmt.Errorf("only %d of %d requests reached the server within %v", u.Requests, want, arrival)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
