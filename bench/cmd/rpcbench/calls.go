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
	"example.com/mailcall/bench/internal/server"
)

// patience is how long a client may take beyond its slice.
const patience = 30 * time.Second

// driveCells returns the driver of a scenario: it runs all cells and reports, even if
// it was interrupted.
func driveCells(scenario contender.Scenario, title string) driver {
	return func(ctx context.Context, args []string, std streams) error {
		s, err := parse(args, scenario, std.err)
		if err != nil {
			return err
		}
		d := &callsDriver{settings: s, std: std, report: report.Calls{Header: s.header(title)}}
		d.report.Notes = d.notes()
		err = d.drive(ctx)
		return s.finish(ctx, std, &d.report, err)
	}
}

type callsDriver struct {
	settings
	std     streams
	servers map[string]*backend // by kind, each for the whole run
	report  report.Calls
	done    int // samples so far
}

func (d *callsDriver) drive(ctx context.Context) (err error) {
	d.servers = make(map[string]*backend)
	defer func() {
		for _, s := range d.servers {
			if stopped := s.Stop(); err == nil {
				err = stopped
			}
		}
	}()
	for _, o := range d.cells() {
		if err = d.cell(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// backend returns the server for a contender, and starts it if it does not run yet.
func (d *callsDriver) backend(ctx context.Context, name string) (*backend, error) {
	entry, err := contender.Find(d.scenario, name)
	if err != nil {
		return nil, err
	}
	kind := entry.Server
	if kind == "" {
		kind = d.server
	}
	if s := d.servers[kind]; s != nil {
		return s, nil
	}
	s, err := startBackend(ctx, kind)
	if err == nil {
		d.servers[kind] = s
	}
	return s, err
}

// cell runs the contenders in turn, A B C, A B C, ...: runs that follow each other are
// affected alike by other load on the machine, and only their ratio is compared.
func (d *callsDriver) cell(ctx context.Context, o load.Options) error {
	d.report.Cells = append(d.report.Cells, report.Cell{Payload: o.Payload, Callers: o.Callers, Mode: string(o.Mode)})
	cell := &d.report.Cells[len(d.report.Cells)-1]
	for round := 1; round <= d.rounds; round++ {
		for _, name := range d.contenders {
			o.Contender = name
			target, err := d.backend(ctx, name)
			if err != nil {
				return err
			}
			sample, err := d.sample(ctx, o, target)
			if err != nil {
				return err
			}
			sample.Round = round
			cell.Samples = append(cell.Samples, sample)
			d.progress(o, sample)
		}
	}
	return nil
}

func (d *callsDriver) sample(ctx context.Context, o load.Options, target *backend) (s load.Sample, err error) {
	ctx, cancel := context.WithTimeout(ctx, o.Warmup+o.Slice+patience)
	defer cancel()
	before, err := target.usage()
	if err != nil {
		return s, err
	}
	o.Address = target.address
	child, err := proc.Start(ctx, clientArgs(roleClient, o)...)
	if err != nil {
		return s, err
	}
	if err = errors.Join(child.Read(&s), child.Stop()); err != nil {
		return s, fmt.Errorf("%s, %d callers: %w", o.Contender, o.Callers, err)
	}
	after, err := target.usage()
	if err != nil {
		return s, err
	}
	if s.TotalCalls > 0 {
		s.ServerCPU = float64(after.CPU-before.CPU) / 1e3 / float64(s.TotalCalls)
	}
	return s, nil
}

func (d *callsDriver) progress(o load.Options, s load.Sample) {
	d.done++
	all := len(d.cells()) * d.rounds * len(d.contenders)
	what, unit := "callers", "calls/s"
	if o.Mode != "" {
		what, unit = "streams "+string(o.Mode), "messages/s"
	}
	_, _ = fmt.Fprintf(d.std.err, "[%d/%d] %d B, %d %s, round %d/%d, %s: %.0f %s, client CPU %.1f us, p99 %d us, %d errors\n",
		d.done, all, o.Payload, o.Callers, what, s.Round, d.rounds, s.Contender, s.CallsPerSecond, unit, s.ClientCPU, s.P99, s.Errors)
}

func (d *callsDriver) notes() []string {
	notes := []string{
		fmt.Sprintf("rounds %d, slice %v after a warm-up of %v", d.rounds, d.slice, d.warmup),
	}
	switch {
	case d.scenario == contender.RPC:
		notes = append(notes, "each contender speaks its own protocol to a server of its own, which decodes, runs a handler and encodes; raw-mux echoes bytes")
	case d.scenario == contender.Streams:
		return append(notes, "ping-pong: a message counts when it is back; one-way: when it is sent, and the server's count is compared at the end")
	case d.server == server.Greeter:
		notes = append(notes, "server greeter: the responder of package mailcalltest")
	default:
		notes = append(notes, "server minimal: echoes bytes, one write a reply")
	}
	if d.deadline {
		return append(notes, "each call has a context with a deadline")
	}
	if d.scenario == contender.RPC {
		return append(notes, "calls have a background context; none but mailcall puts a bound on them then")
	}
	return append(notes, "calls have a background context; fasthttp, nethttp and floor put no bound on them then")
}
