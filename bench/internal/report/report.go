// SPDX-License-Identifier: Apache-2.0

package report

import (
	"slices"
	"time"

	"example.com/mailcall/bench/internal/load"
)

// Header is the beginning of every report.
type Header struct {
	// Title is the first line of the document.
	Title string `json:"title"`
	// Command is the command line of the run.
	Command string `json:"command"`
	// Date is when the run began.
	Date time.Time `json:"date"`
	// Machine is where the run was made.
	Machine Machine `json:"machine"`
	// Notes describe the setup of the run.
	Notes []string `json:"notes,omitempty"`
	// Base is the contender whose figures are divided by the others'.
	Base string `json:"base"`
	// Others are further contenders whose calls per second are divided by the others',
	// in the overview only.
	Others []string `json:"other_bases,omitempty"`
	// Partial says that the run was interrupted.
	Partial bool `json:"partial,omitempty"`
}

// MarkPartial sets Partial.
func (h *Header) MarkPartial() { h.Partial = true }

// Cell is a combination of payload and callers with its results.
type Cell struct {
	// Payload is the size of the body in bytes, Callers the number of goroutines.
	Payload int `json:"payload"`
	Callers int `json:"callers"`
	// Mode is that of the streams, of which there are Callers; "" for calls.
	Mode string `json:"mode,omitempty"`
	// Samples are in the order in which they were taken.
	Samples []load.Sample `json:"samples"`
	// Rows is the summary; [Calls.Summarize] makes it.
	Rows []Row `json:"rows,omitempty"`
}

// Row is the summary of one contender in one cell.
type Row struct {
	// Contender is its name.
	Contender string `json:"contender"`
	// Rounds is how many samples it has.
	Rounds int `json:"rounds"`
	// Median has the median of each figure.
	Median load.Sample `json:"median"`
	// Rate, CPU and P99 are the base's figure divided by this contender's, within each
	// round: calls per second, client CPU per call, latency.
	Rate Spread `json:"rate_ratio"`
	CPU  Spread `json:"cpu_ratio"`
	P99  Spread `json:"p99_ratio"`
}

// Calls is the report of a scenario with cells.
type Calls struct {
	Header
	// Cells are in the order in which they ran.
	Cells []Cell `json:"cells"`
	// Overviews are the ratios of calls per second in all cells, the base's first;
	// [Calls.Summarize] computes them. With a single cell there are none.
	Overviews []Overview `json:"overviews,omitempty"`
}

// Summarize computes the rows of all cells from their samples.
func (c *Calls) Summarize() {
	for i := range c.Cells {
		c.Cells[i].Rows = rows(c.Cells[i].Samples, c.Base)
	}
	c.Overviews = nil
	if len(c.Cells) < 2 {
		return
	}
	for _, base := range append([]string{c.Base}, c.Others...) {
		if o := overview(c.Cells, base); len(o.Rows) > 0 {
			c.Overviews = append(c.Overviews, o)
		}
	}
}

func rows(samples []load.Sample, base string) []Row {
	groups, order := group(samples, func(s load.Sample) string { return s.Contender })
	out := make([]Row, 0, len(order))
	for _, name := range order {
		of := func(figure func(load.Sample) float64) Spread {
			return ratios(byRound(groups[base], figure), byRound(groups[name], figure))
		}
		out = append(out, Row{
			Contender: name, Rounds: len(groups[name]), Median: median(groups[name]),
			Rate: of(func(s load.Sample) float64 { return s.CallsPerSecond }),
			CPU:  of(func(s load.Sample) float64 { return s.ClientCPU }),
			P99:  of(func(s load.Sample) float64 { return float64(s.P99) }),
		})
	}
	return out
}

func byRound(samples []load.Sample, figure func(load.Sample) float64) map[int]float64 {
	m := make(map[int]float64, len(samples))
	for _, s := range samples {
		m[s.Round] = figure(s)
	}
	return m
}

func median(samples []load.Sample) load.Sample {
	of := func(figure func(load.Sample) float64) float64 {
		var figures []float64
		for _, s := range samples {
			figures = append(figures, figure(s))
		}
		return SpreadOf(figures).Median
	}
	m := load.Sample{
		Calls:          int64(of(func(s load.Sample) float64 { return float64(s.Calls) })),
		TotalCalls:     int64(of(func(s load.Sample) float64 { return float64(s.TotalCalls) })),
		Seconds:        of(func(s load.Sample) float64 { return s.Seconds }),
		CallsPerSecond: of(func(s load.Sample) float64 { return s.CallsPerSecond }),
		ClientCPU:      of(func(s load.Sample) float64 { return s.ClientCPU }),
		ServerCPU:      of(func(s load.Sample) float64 { return s.ServerCPU }),
		Allocs:         of(func(s load.Sample) float64 { return s.Allocs }),
		Bytes:          of(func(s load.Sample) float64 { return s.Bytes }),
		P50:            int64(of(func(s load.Sample) float64 { return float64(s.P50) })),
		P99:            int64(of(func(s load.Sample) float64 { return float64(s.P99) })),
		Max:            int64(of(func(s load.Sample) float64 { return float64(s.Max) })),
		Collections:    uint32(of(func(s load.Sample) float64 { return float64(s.Collections) })),
	}
	for _, s := range samples { // errors are summed, because a median would hide them
		m.Contender = s.Contender
		m.Errors += s.Errors
		if m.FirstError == "" {
			m.FirstError = s.FirstError
		}
	}
	return m
}

// group sorts items by key and returns the keys in order of appearance.
func group[T any](items []T, key func(T) string) (map[string][]T, []string) {
	groups := make(map[string][]T)
	var order []string
	for _, item := range items {
		k := key(item)
		if !slices.Contains(order, k) {
			order = append(order, k)
		}
		groups[k] = append(groups[k], item)
	}
	return groups, order
}
