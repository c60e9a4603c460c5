// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/mailcall/bench/internal/load"
	"example.com/mailcall/bench/internal/proc"
	"example.com/mailcall/bench/internal/report"
	"example.com/mailcall/bench/internal/server"
)

// patience is how much longer than its slice a client may take.
const patience = 30 * time.Second

// driveCalls runs all cells and reports, also when it was stopped half way.
func driveCalls(ctx context.Context, args []string, std streams) error {
	s, err := parse(args, false, std.err)
	if err != nil {
		return err
	}
	d := &callsDriver{settings: s, std: std, report: report.Calls{Header: s.header("HTTP/1.1 clients: calls")}}
	d.report.Notes = d.notes()
	err = d.drive(ctx)
	return s.finish(ctx, std, &d.report, err)
}

type callsDriver struct {
	settings
	std    streams
	server *backend
	report report.Calls
	done   int // samples taken
}

func (d *callsDriver) drive(ctx context.Context) (err error) {
	if d.server, err = startBackend(ctx, d.settings.server); err != nil {
		return err
	}
	defer func() {
		if stopped := d.server.Stop(); err == nil {
			err = stopped
		}
	}()
	for _, o := range d.cells() {
		if err = d.cell(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// cell runs A B C, A B C, ...: neighbours in time share what else the machine
// does, so that only their ratio is compared.
func (d *callsDriver) cell(ctx context.Context, o load.Options) error {
	d.report.Cells = append(d.report.Cells, report.Cell{Payload: o.Payload, Callers: o.Callers})
	cell := &d.report.Cells[len(d.report.Cells)-1]
	o.Address = d.server.address
	for round := 1; round <= d.rounds; round++ {
		for _, name := range d.contenders {
			o.Contender = name
			sample, err := d.sample(ctx, o)
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

func (d *callsDriver) sample(ctx context.Context, o load.Options) (s load.Sample, err error) {
	ctx, cancel := context.WithTimeout(ctx, o.Warmup+o.Slice+patience)
	defer cancel()
	before, err := d.server.usage()
	if err != nil {
		return s, err
	}
	child, err := proc.Start(ctx, clientArgs(roleClient, o)...)
	if err != nil {
		return s, err
	}
	if err = errors.Join(child.Read(&s), child.Stop()); err != nil {
		return s, fmt.Errorf("%s, %d callers: %w", o.Contender, o.Callers, err)
	}
	after, err := d.server.usage()
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
	all := len(d.payloads) * len(d.callers) * d.rounds * len(d.contenders)
	_, _ = fmt.Fprintf(d.std.err, "[%d/%d] %d B, %d callers, round %d/%d, %s: %.0f calls/s, client CPU %.1f us, p99 %d us, %d errors\n",
		d.done, all, o.Payload, o.Callers, s.Round, d.rounds, s.Contender, s.CallsPerSecond, s.ClientCPU, s.P99, s.Errors)
}

func (d *callsDriver) notes() []string {
	notes := []string{
		fmt.Sprintf("rounds %d, slice %v after a warm-up of %v", d.rounds, d.slice, d.warmup),
	}
	if d.settings.server == server.Greeter {
		notes = append(notes, "server greeter: the responder of package mailcalltest")
	} else {
		notes = append(notes, "server minimal: echoes bytes, one write a reply")
	}
	if d.deadline {
		return append(notes, "each call has a context with a deadline")
	}
	return append(notes, "calls have a background context; fasthttp, nethttp and floor put no bound on them then")
}
