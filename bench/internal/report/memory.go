// SPDX-License-Identifier: Apache-2.0

package report

import "example.com/mailcall/bench/internal/load"

// Memory is the report of the memory scenario.
type Memory struct {
	Header
	// Payload is the size of the body in bytes.
	Payload int `json:"payload"`
	// Samples are in the order in which they were taken.
	Samples []load.Hold `json:"samples"`
	// Rows is the summary; [Memory.Summarize] makes it.
	Rows []MemoryRow `json:"rows,omitempty"`
}

// MemoryRow is the summary of one contender.
type MemoryRow struct {
	// Contender is its name.
	Contender string `json:"contender"`
	// Median has the median of each figure.
	Median load.Hold `json:"median"`
	// SettledRSS and HeapStack are the base's figure divided by this contender's,
	// within each round.
	SettledRSS Spread `json:"settled_rss_ratio"`
	HeapStack  Spread `json:"heap_stack_ratio"`
}

// Summarize computes the rows from the samples.
func (m *Memory) Summarize() {
	groups, order := group(m.Samples, func(h load.Hold) string { return h.Contender })
	m.Rows = make([]MemoryRow, 0, len(order))
	for _, name := range order {
		of := func(figure func(load.Hold) float64) Spread {
			return ratios(holdByRound(groups[m.Base], figure), holdByRound(groups[name], figure))
		}
		m.Rows = append(m.Rows, MemoryRow{
			Contender: name, Median: medianHold(groups[name]),
			SettledRSS: of(func(h load.Hold) float64 { return h.SettledRSS }),
			HeapStack:  of(func(h load.Hold) float64 { return h.Heap + h.Stack }),
		})
	}
}

func holdByRound(samples []load.Hold, figure func(load.Hold) float64) map[int]float64 {
	m := make(map[int]float64, len(samples))
	for _, h := range samples {
		m[h.Round] = figure(h)
	}
	return m
}

func medianHold(samples []load.Hold) load.Hold {
	of := func(figure func(load.Hold) float64) float64 {
		var figures []float64
		for _, h := range samples {
			figures = append(figures, figure(h))
		}
		return SpreadOf(figures).Median
	}
	m := load.Hold{
		RSS:        of(func(h load.Hold) float64 { return h.RSS }),
		SettledRSS: of(func(h load.Hold) float64 { return h.SettledRSS }),
		Heap:       of(func(h load.Hold) float64 { return h.Heap }),
		Stack:      of(func(h load.Hold) float64 { return h.Stack }),
		Goroutines: of(func(h load.Hold) float64 { return h.Goroutines }),
	}
	for _, h := range samples {
		m.Contender, m.Callers = h.Contender, h.Callers
	}
	return m
}
