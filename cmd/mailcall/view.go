// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"
)

// Intervals of the progress output: on a terminal one line is updated, elsewhere lines
// are appended.
const (
	refreshEvery = 250 * time.Millisecond
	lineEvery    = 2 * time.Second
)

// view prints the progress of the demo.
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
	sayf(v.out, "%d nodes, %d calls/s; nodes: %c up, %c slow, %c down\ninspector: %s\n",
		len(v.fleet.nodes), v.load.rate, up, slow, dead, page)
	v.last.at = v.began
}

// show prints progress until ctx ends.
func (v *view) show(ctx context.Context) {
	every, clearLine, before, after := lineEvery, "", "", "\n"
	if isTerminal(v.out) {
		// Clear the line and write it again, with automatic wrapping off: what does not
		// fit overwrites the last column, which is cleared at the end.
		every, clearLine, before, after = refreshEvery, "\r\x1b[K", "\x1b[?7l", "\x1b[K\x1b[?7h"
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			v.control(clearLine + before + v.line(now) + after)
		case <-ctx.Done():
			v.control(clearLine)
			return
		}
	}
}

// control writes text with control sequences for the terminal.
func (v *view) control(text string) { _, _ = io.WriteString(v.out, text) }

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

// isTerminal reports whether w is a character device, which is a good approximation:
// other devices ignore the control characters.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
