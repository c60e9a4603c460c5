// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"time"

	"example.com/mailcall/transport/http"
	"example.com/mailcall/transport/memory"
	"example.com/mailcall/transport/tcp"
)

// sample is the state of the process after a garbage collection.
type sample struct {
	at         time.Duration
	heap       uint64 // live bytes
	goroutines int
	calls      int64
	streams    int64
}

func soak(ctx context.Context, o options, out io.Writer) (samples []sample, c *counts, err error) {
	wires, err := openWires(o) //nolint:contextcheck // clients and responders have no context
	if err != nil {
		return nil, nil, err
	}
	// An error in printing progress is ignored.
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(out, format+"\n", args...) }
	before := runtime.NumGoroutine()
	c = new(counts)
	running, stop := context.WithTimeout(ctx, o.duration)
	defer stop()
	var work sync.WaitGroup
	for _, w := range wires {
		w.load(running, o, c, &work)
	}
	began := time.Now()
	for wait(running, o.every) {
		samples = append(samples, take(began, c))
		s := samples[len(samples)-1]
		say("%6.0fs  heap %.1f MB  goroutines %d  calls %d (%d failed)  streams %d (%d failed)  kills %d",
			s.at.Seconds(), float64(s.heap)/1e6, s.goroutines, s.calls, c.failed.Load(), s.streams, c.streamsFailed.Load(), c.kills.Load())
	}
	work.Wait()
	for _, w := range wires {
		err = errors.Join(err, w.close()) //nolint:contextcheck // as above
	}
	if ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	say("after the end: %d goroutines, %d before", runtime.NumGoroutine(), before)
	return samples, c, err
}

func openWires(o options) (wires []*wire, err error) {
	overHTTP, err := http.New()
	if err != nil {
		return nil, err
	}
	overTCP, err := tcp.New()
	if err != nil {
		return nil, err
	}
	for _, l := range []struct {
		over    listening
		address string
	}{{overHTTP, "127.0.0.1:0"}, {overTCP, "127.0.0.1:0"}, {memory.New(), ""}} {
		w, err := newWire(l.over, l.address, o.nodes)
		if err != nil {
			return nil, err
		}
		wires = append(wires, w)
	}
	return wires, nil
}

func take(began time.Time, c *counts) sample {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return sample{time.Since(began), m.HeapAlloc, runtime.NumGoroutine(), c.calls.Load(), c.streams.Load()}
}

// judge returns an error if a call was lost or something grew: it compares the median
// of the last quarter of the samples with that of the second, because pools and tables
// fill during the first.
func judge(samples []sample, c *counts) error {
	var faults []error
	if n := c.lost.Load(); n > 0 {
		faults = append(faults, fmt.Errorf("%d did not end in time, or got a wrong answer", n))
	}
	quarter := len(samples) / 4
	early, late := samples[quarter:2*quarter], samples[len(samples)-quarter:]
	for _, m := range []struct {
		name  string
		of    func(sample) float64
		slack float64 // growth that is allowed, absolute
	}{
		{"heap", func(s sample) float64 { return float64(s.heap) }, 4e6},
		{"goroutines", func(s sample) float64 { return float64(s.goroutines) }, 64},
	} {
		before, after := median(early, m.of), median(late, m.of)
		if after > before*1.1+m.slack {
			faults = append(faults, fmt.Errorf("%s grew from %.0f to %.0f", m.name, before, after))
		}
	}
	return errors.Join(faults...)
}

func median(samples []sample, of func(sample) float64) float64 {
	all := make([]float64, 0, len(samples))
	for _, s := range samples {
		all = append(all, of(s))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// page formats the result as Markdown.
func page(o options, samples []sample, c *counts) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Soak\n\n`go run ./tests/soak --duration %s --every %s --nodes %d --workers %d`\n\n", o.duration, o.every, o.nodes, o.workers)
	fmt.Fprintf(&b, "%s %s/%s, %d processors, %s. Over http, tcp and memory side by side; on each a node dies every %s and comes back after %s.\n\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), time.Now().UTC().Format(time.DateOnly), life, away)
	fmt.Fprintf(&b, "- calls %d, of which %d failed with an error; streams %d, of which %d failed; messages on streams %d; published and received %d\n",
		c.calls.Load(), c.failed.Load(), c.streams.Load(), c.streamsFailed.Load(), c.messages.Load(), c.published.Load())
	fmt.Fprintf(&b, "- nodes killed %d; without an end in time, or with a wrong answer: %d\n", c.kills.Load(), c.lost.Load())
	fmt.Fprint(&b, "- live heap is read after a collection\n\n| time | live heap, MB | goroutines | calls | streams |\n|---:|---:|---:|---:|---:|\n")
	for _, s := range samples {
		fmt.Fprintf(&b, "| %.0f s | %.1f | %d | %d | %d |\n", s.at.Seconds(), float64(s.heap)/1e6, s.goroutines, s.calls, s.streams)
	}
	return b.Bytes()
}
