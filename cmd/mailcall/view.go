// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"
)

// How often progress is shown: on a terminal in place, elsewhere as a line.
const (
	refreshEvery = 250 * time.Millisecond
	lineEvery    = 2 * time.Second
)

// view shows the demo while it runs.
type view struct {
	out   io.Writer
	load  *load
	fleet *fleet
	began time.Time

	last struct {
		at       time.Time
		answered int64
		tally    tally
	}
}

func (v *view) greet(page string) {
	sayf(v.out, "%d nodes, %d calls/s; nodes: %c well, %c slow, %c dead\nlook inside: %s\n",
		len(v.fleet.nodes), v.load.rate, up, slow, dead, page)
	v.last.at = v.began
}

// show prints progress until ctx ends.
func (v *view) show(ctx context.Context) {
	every, clearLine, before, after := lineEvery, "", "", "\n"
	if isTerminal(v.out) {
		// Clear the line and write it again, cut at the edge: all that does not
		// fit is written into the last column, which is cleared in the end.
		every, clearLine, before, after = refreshEvery, "\r\x1b[K", "\x1b[?7l", "\x1b[K\x1b[?7h"
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			sayf(v.out, "%s%s%s%s", clearLine, before, v.line(now), after)
		case <-ctx.Done():
			sayf(v.out, "%s", clearLine)
			return
		}
	}
}

func (v *view) line(now time.Time) string {
	var current tally
	v.load.latency.read(&current)
	window := current.since(&v.last.tally)
	answered := v.load.answered.Load()
	rate := float64(answered-v.last.answered) / max(now.Sub(v.last.at).Seconds(), 1e-3)
	v.last.at, v.last.answered, v.last.tally = now, answered, current

	lost := int64(0)
	for _, c := range v.load.lost() {
		lost += c.Count
	}
	signs, _ := v.fleet.look()
	return fmt.Sprintf("%5.1fs  [%s]  %6.0f/s  p50 %-8s p99 %-8s errors %d  retries %d",
		now.Sub(v.began).Seconds(), signs, rate,
		short(window.quantile(0.5)), short(window.quantile(0.99)), lost, v.retries())
}

func (v *view) retries() int64 { return v.load.client.Runtime().Snapshot().Totals.Retries }

func short(d time.Duration) string {
	if d < time.Millisecond {
		return d.Round(time.Microsecond).String()
	}
	return d.Round(10 * time.Microsecond).String()
}

// isTerminal reports whether w is a character device, which is near enough:
// the others take what they are given.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
