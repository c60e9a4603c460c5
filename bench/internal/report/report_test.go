// SPDX-License-Identifier: Apache-2.0

package report_test

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"example.com/mailcall/bench/internal/load"
	"example.com/mailcall/bench/internal/report"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSpreadOf(t *testing.T) {
	for name, c := range map[string]struct {
		in   []float64
		want report.Spread
	}{
		"none":       {nil, report.Spread{}},
		"one":        {[]float64{3}, report.Spread{3, 3, 3, 1}},
		"odd":        {[]float64{9, 1, 2}, report.Spread{2, 1, 9, 3}},
		"even":       {[]float64{4, 1, 2, 9}, report.Spread{3, 1, 9, 4}},
		"not finite": {[]float64{math.Inf(1), 2, math.NaN()}, report.Spread{2, 2, 2, 1}},
	} {
		if got := report.SpreadOf(c.in); got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

// sample returns a sample with figures that are easy to divide.
func sample(name string, round int, rate float64) load.Sample {
	return load.Sample{Contender: name, Round: round, CallsPerSecond: rate, ClientCPU: 100 / rate, P99: int64(1000 / rate)}
}

func calls() *report.Calls {
	return &report.Calls{
		Header: report.Header{Title: "a title", Command: "rpcbench calls", Base: "a", Machine: report.ThisMachine()},
		Cells: []report.Cell{{Payload: 64, Callers: 16, Samples: []load.Sample{
			sample("a", 1, 20), sample("b", 1, 10), sample("a", 2, 5), sample("b", 2, 1), sample("a", 3, 50),
		}}},
	}
}

func TestRatiosAreTakenInsideARound(t *testing.T) {
	c := calls()
	c.Summarize()
	rows := c.Cells[0].Rows
	if len(rows) != 2 || rows[0].Contender != "a" || rows[1].Contender != "b" {
		t.Fatalf("got %+v, want rows a and b", rows)
	}
	b := rows[1]
	if want := (report.Spread{3.5, 2, 5, 2}); b.Rate != want { // 20/10 and 5/1; round 3 has no b
		t.Errorf("got rate ratio %+v, want %+v", b.Rate, want)
	}
	if want := (report.Spread{0.35, 0.2, 0.5, 2}); b.CPU != want {
		t.Errorf("got CPU ratio %+v, want %+v", b.CPU, want)
	}
	if b.Median.CallsPerSecond != 5.5 || b.Rounds != 2 || rows[0].Median.CallsPerSecond != 20 {
		t.Errorf("got medians %v in %d rounds and %v, want 5.5 in 2 and 20", b.Median.CallsPerSecond, b.Rounds, rows[0].Median.CallsPerSecond)
	}
}

func TestOverview(t *testing.T) {
	c := calls()
	c.Others = []string{"b"}
	c.Summarize()
	if len(c.Overviews) != 0 {
		t.Errorf("got %+v, want no overview of one cell", c.Overviews)
	}
	c.Cells = append(c.Cells, report.Cell{Payload: 1024, Callers: 2, Mode: "one-way", Samples: []load.Sample{
		sample("a", 1, 3), sample("c", 1, 2),
	}})
	c.Summarize()
	if len(c.Overviews) != 2 || c.Overviews[0].Base != "a" || c.Overviews[1].Base != "b" {
		t.Fatalf("got %+v, want those of a and b", c.Overviews)
	}
	rows := c.Overviews[0].Rows
	if len(rows) != 2 || rows[0].Contender != "b" || rows[0].Ratios[0].Median != 3.5 || rows[0].Ratios[1].N != 0 || rows[1].Ratios[1].Median != 1.5 {
		t.Errorf("got %+v, want b with 3.5 and none, c with none and 1.5", rows)
	}
	text := c.Markdown()
	for _, want := range []string{"## b / contender, per second", "one-way 1024 B x 2", "## one-way, 1024 B, 2 streams", "messages/s", "| 3.50 "} {
		if !strings.Contains(text, want) {
			t.Errorf("got %s\nwant %q in it", text, want)
		}
	}
}

func TestErrorsAreSummed(t *testing.T) {
	c := calls()
	for i := range c.Cells[0].Samples {
		c.Cells[0].Samples[i].Errors = 2
	}
	c.Cells[0].Samples[2].FirstError = "it broke"
	c.Summarize()
	if got := c.Cells[0].Rows[0].Median.Errors; got != 6 {
		t.Errorf("got %d errors, want 6", got)
	}
	if text := c.Markdown(); !strings.Contains(text, "a: it broke") {
		t.Errorf("got %s, want the error's text in it", text)
	}
}

func TestMarkdown(t *testing.T) {
	c := calls()
	c.MarkPartial()
	c.Summarize()
	text := c.Markdown()
	for _, want := range []string{"# a title", "Partial", "`rpcbench calls`", "## 64 B, 16 callers", "3.50 [2.00..5.00]"} {
		if !strings.Contains(text, want) {
			t.Errorf("got %s\nwant %q in it", text, want)
		}
	}
}

func TestMemory(t *testing.T) {
	m := &report.Memory{
		Header: report.Header{Base: "a"},
		Samples: []load.Hold{
			{Contender: "a", Round: 1, Callers: 9, SettledRSS: 10, Heap: 4, Stack: 4},
			{Contender: "b", Round: 1, Callers: 9, SettledRSS: 40, Heap: 8, Stack: 8},
		},
	}
	m.Summarize()
	if b := m.Rows[1]; b.SettledRSS.Median != 0.25 || b.HeapStack.Median != 0.5 || b.Median.Callers != 9 {
		t.Errorf("got %+v, want ratios 0.25 and 0.5 at 9 callers", b)
	}
	if text := m.Markdown(); !strings.Contains(text, "0.25 [0.25..0.25]") {
		t.Errorf("got %s, want the ratio in it", text)
	}
}

func TestSaveAndPrint(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "results")
	c := calls()
	c.Summarize()
	if err := report.Save(folder, "first", c); err != nil {
		t.Fatal(err)
	}
	saved, err := os.ReadFile(filepath.Join(folder, "first.json"))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err = report.Print(&out, c, true); err != nil {
		t.Fatal(err)
	}
	for _, data := range [][]byte{saved, out.Bytes()} {
		var back report.Calls
		if err = json.Unmarshal(data, &back); err != nil || len(back.Cells[0].Samples) != 5 {
			t.Errorf("got error %v, %+v, want five samples", err, back)
		}
	}
	text, err := os.ReadFile(filepath.Join(folder, "first.md"))
	if err != nil || string(text) != c.Markdown() {
		t.Errorf("got %q, error %v, want the markdown", text, err)
	}
	for _, name := range []string{"", ".", "../up", "a/b", "a b", strings.Repeat("x", 65)} {
		if report.Save(folder, name, c) == nil {
			t.Errorf("name %q: got no error, want one", name)
		}
	}
}
