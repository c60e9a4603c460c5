// SPDX-License-Identifier: Apache-2.0

package report

import (
	"math"
	"slices"
)

// Spread summarises a set of figures. The zero value is that of an empty set.
type Spread struct {
	// Median is the median.
	Median float64 `json:"median"`
	// Min and Max are the extremes.
	Min float64 `json:"min"`
	Max float64 `json:"max"`
	// N is the number of figures.
	N int `json:"n"`
}

// SpreadOf returns the spread of figures, which it does not modify. It ignores figures
// that are not finite.
func SpreadOf(figures []float64) Spread {
	var kept []float64
	for _, f := range figures {
		if !math.IsNaN(f) && !math.IsInf(f, 0) {
			kept = append(kept, f)
		}
	}
	n := len(kept)
	if n == 0 {
		return Spread{}
	}
	slices.Sort(kept)
	return Spread{Median: (kept[(n-1)/2] + kept[n/2]) / 2, Min: kept[0], Max: kept[n-1], N: n}
}

// ratios divides the figures of one contender by those of another, round by round; a
// round that either lacks is left out.
func ratios(over, under map[int]float64) Spread {
	var figures []float64
	for round, f := range over {
		if d, ok := under[round]; ok {
			figures = append(figures, f/d) // division by zero is not finite, and is ignored
		}
	}
	return SpreadOf(figures)
}
