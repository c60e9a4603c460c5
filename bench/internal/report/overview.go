// SPDX-License-Identifier: Apache-2.0

package report

import (
	"slices"

	"example.com/mailcall/bench/internal/load"
)

// Overview has the calls per second of one contender divided by those of all others, in
// all cells.
type Overview struct {
	// Base is the contender.
	Base string `json:"base"`
	// Rows are the others, in the order in which they ran first.
	Rows []OverviewRow `json:"rows"`
}

// OverviewRow has the ratios for one other contender.
type OverviewRow struct {
	// Contender is its name.
	Contender string `json:"contender"`
	// Ratios are computed within each round; there is one spread per cell.
	Ratios []Spread `json:"ratios"`
}

func overview(cells []Cell, base string) Overview {
	o := Overview{Base: base}
	rate := func(s load.Sample) float64 { return s.CallsPerSecond }
	for at, cell := range cells {
		groups, order := group(cell.Samples, func(s load.Sample) string { return s.Contender })
		for _, name := range order {
			if name == base {
				continue
			}
			row := slices.IndexFunc(o.Rows, func(r OverviewRow) bool { return r.Contender == name })
			if row < 0 {
				row = len(o.Rows)
				o.Rows = append(o.Rows, OverviewRow{name, make([]Spread, len(cells))})
			}
			o.Rows[row].Ratios[at] = ratios(byRound(groups[base], rate), byRound(groups[name], rate))
		}
	}
	return o
}
