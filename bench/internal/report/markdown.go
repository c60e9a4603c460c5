// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Markdown returns the report as a document that is also readable in a terminal.
func (c *Calls) Markdown() string {
	var b strings.Builder
	c.Header.write(&b)
	fmt.Fprintf(&b, "\nRatios are %s / contender inside each round: median [min..max]. For calls/s more than 1 is in favour of %s, for CPU and p99 less than 1 is.\n", c.Base, c.Base)
	for _, o := range c.Overviews {
		o.write(&b, c.Cells)
	}
	for i := range c.Cells {
		c.Cells[i].write(&b)
	}
	return b.String()
}

// title returns the heading of the cell.
func (c *Cell) title() string {
	if c.Mode != "" {
		return fmt.Sprintf("%s, %d B, %d streams", c.Mode, c.Payload, c.Callers)
	}
	return fmt.Sprintf("%d B, %d callers", c.Payload, c.Callers)
}

func (c *Cell) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n## %s\n\n", c.title())
	unit := "calls/s"
	if c.Mode != "" {
		unit = "messages/s"
	}
	t := table{{"contender", "rounds", unit, "ratio", "client CPU us", "ratio", "p99 us", "ratio", "p50 us", "server CPU us", "allocs", "bytes", "errors"}}
	for _, r := range c.Rows {
		m := r.Median
		t = append(t, []string{
			r.Contender, fmt.Sprint(r.Rounds),
			fmt.Sprintf("%.0f", m.CallsPerSecond), r.Rate.String(),
			fmt.Sprintf("%.1f", m.ClientCPU), r.CPU.String(),
			fmt.Sprint(m.P99), r.P99.String(), fmt.Sprint(m.P50),
			fmt.Sprintf("%.1f", m.ServerCPU), fmt.Sprintf("%.1f", m.Allocs),
			fmt.Sprintf("%.0f", m.Bytes), fmt.Sprint(m.Errors),
		})
	}
	t.write(b)
	for _, r := range c.Rows {
		if r.Median.FirstError != "" {
			fmt.Fprintf(b, "\n%s: %s\n", r.Contender, r.Median.FirstError)
		}
	}
}

// write formats the cells in columns, with only the medians of the ratios.
func (o *Overview) write(b *strings.Builder, cells []Cell) {
	fmt.Fprintf(b, "\n## %s / contender, per second\n\n", o.Base)
	head := []string{"contender"}
	for i := range cells {
		head = append(head, strings.TrimSpace(fmt.Sprintf("%s %d B x %d", cells[i].Mode, cells[i].Payload, cells[i].Callers)))
	}
	t := table{head}
	for _, r := range o.Rows {
		row := []string{r.Contender}
		for _, ratio := range r.Ratios {
			text := "-"
			if ratio.N > 0 {
				text = fmt.Sprintf("%.2f", ratio.Median)
			}
			row = append(row, text)
		}
		t = append(t, row)
	}
	t.write(b)
}

// Markdown returns the report as a document.
func (m *Memory) Markdown() string {
	var b strings.Builder
	m.Header.write(&b)
	fmt.Fprintf(&b, "\nBytes per waiting call, payload %d B. Ratios are %s / contender inside each round: median [min..max]; less than 1 is in favour of %s.\n\n", m.Payload, m.Base, m.Base)
	t := table{{"contender", "callers", "RSS", "settled RSS", "ratio", "heap", "stack", "heap + stack ratio", "goroutines"}}
	for _, r := range m.Rows {
		h := r.Median
		t = append(t, []string{
			r.Contender, fmt.Sprint(h.Callers), fmt.Sprintf("%.0f", h.RSS),
			fmt.Sprintf("%.0f", h.SettledRSS), r.SettledRSS.String(),
			fmt.Sprintf("%.0f", h.Heap), fmt.Sprintf("%.0f", h.Stack), r.HeapStack.String(),
			fmt.Sprintf("%.1f", h.Goroutines),
		})
	}
	t.write(&b)
	return b.String()
}

// String returns "median [min..max]", or "-" if there is no figure.
func (s Spread) String() string {
	if s.N == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f [%.2f..%.2f]", s.Median, s.Min, s.Max)
}

func (h *Header) write(b *strings.Builder) {
	m := h.Machine
	fmt.Fprintf(b, "# %s\n\n", h.Title)
	if h.Partial {
		b.WriteString("**Partial: the run was stopped before its end.**\n\n")
	}
	fmt.Fprintf(b, "- command: `%s`\n", h.Command)
	fmt.Fprintf(b, "- date: %s\n", h.Date.UTC().Format(time.RFC3339))
	fmt.Fprintf(b, "- machine: %d cores (GOMAXPROCS %d), %s, %s, kernel %s, memory %s, tcp congestion control %s\n",
		m.Cores, m.Procs, orUnknown(m.CPU), m.System, orUnknown(m.Kernel), orUnknown(m.Memory), orUnknown(m.Congestion))
	fmt.Fprintf(b, "- versions: %s\n", strings.Join(append([]string{m.Go}, m.Modules...), ", "))
	for _, note := range h.Notes {
		fmt.Fprintf(b, "- %s\n", note)
	}
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// table is rows of cells; the first row is the heading.
type table [][]string

// write pads the columns, so that the source is readable.
func (t table) write(b *strings.Builder) {
	widths := make([]int, len(t[0]))
	for _, row := range t {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for n, row := range t {
		for i, cell := range row {
			fmt.Fprintf(b, "| %-*s ", widths[i], cell)
		}
		b.WriteString("|\n")
		if n > 0 {
			continue
		}
		for _, w := range widths {
			b.WriteString("|" + strings.Repeat("-", w+2))
		}
		b.WriteString("|\n")
	}
}
