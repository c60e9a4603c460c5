// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// summary is the result of the demo.
type summary struct {
	Duration  time.Duration `json:"duration_ns"`
	Nodes     int           `json:"nodes"`
	Rate      int           `json:"rate"`
	Calls     int64         `json:"calls"`
	Answered  int64         `json:"answered"`
	Lost      int64         `json:"lost"`
	Retries   int64         `json:"retries"`
	PerSecond float64       `json:"answered_per_s"`
	P50       time.Duration `json:"p50_ns"`
	P90       time.Duration `json:"p90_ns"`
	P99       time.Duration `json:"p99_ns"`
	P999      time.Duration `json:"p999_ns"`
	Max       time.Duration `json:"max_ns"`
	Faults    faults        `json:"faults"`
	Errors    []cause       `json:"errors"`
	Inspector string        `json:"inspector"`
}

func sumUp(v *view, page string) *summary {
	var all tally
	v.load.latency.read(&all)
	sum := &summary{
		Duration: time.Since(v.began), Nodes: len(v.fleet.nodes), Rate: v.load.rate,
		Calls: v.load.calls.Load(), Answered: v.load.answered.Load(), Retries: v.retries(),
		P50: all.quantile(0.5), P90: all.quantile(0.9), P99: all.quantile(0.99), P999: all.quantile(0.999),
		Max: time.Duration(v.load.latency.most.Load()), Errors: v.load.lost(), Inspector: page,
	}
	for _, q := range []*time.Duration{&sum.P50, &sum.P90, &sum.P99, &sum.P999} {
		*q = min(*q, sum.Max) // the upper bound of a bucket may exceed its largest value
	}
	sum.Lost = sum.Calls - sum.Answered
	sum.PerSecond = float64(sum.Answered) / sum.Duration.Seconds()
	_, sum.Faults = v.fleet.look()
	return sum
}

func (s *summary) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(s)
	}
	sayf(w, "\n%d calls in %.1fs (%.0f/s): %d answered, %d lost\n", s.Calls, s.Duration.Seconds(), s.PerSecond, s.Answered, s.Lost)
	sayf(w, "latency  p50 %s  p90 %s  p99 %s  p99.9 %s  max %s\n", short(s.P50), short(s.P90), short(s.P99), short(s.P999), short(s.Max))
	_, err := fmt.Fprintf(w, "nodes    killed %d times, restarted %d times, slowed %d times; %d retries\n",
		s.Faults.Killed, s.Faults.Restarted, s.Faults.Slowed, s.Retries)
	for _, c := range s.Errors {
		_, err = fmt.Fprintf(w, "lost %d: %s\n", c.Count, c.Error)
	}
	return err
}
