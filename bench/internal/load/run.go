// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"example.com/mailcall/bench/internal/contender"
)

const (
	// giveUp is the number of consecutive failures after which a caller stops, so that
	// a broken contender does not spin.
	giveUp = 10
	// drain bounds the wait for calls in flight at the end.
	drain = 10 * time.Second
)

// crew is the set of calling goroutines.
type crew struct {
	opts Options
	jobs []job
	rec  *recorder
	stop atomic.Bool
	wg   sync.WaitGroup
}

// Run warms up the contender, measures a slice and returns the figures. It returns an
// error if a caller cannot be made, if ctx ends, or if calls hang.
func Run(ctx context.Context, o Options) (Sample, error) {
	c, client, err := assemble(o) //nolint:contextcheck // calls have their own contexts, see call
	if err != nil {
		return Sample{}, err
	}
	for i := range c.jobs {
		c.wg.Go(func() { c.work(i) })
	}
	sample, err := c.measure(ctx)
	c.stop.Store(true)
	if hung := c.wait(); hung != nil {
		return sample, errors.Join(err, hung) // the contender must not be closed while a call is running
	}
	if ended := c.rec.end(); err == nil && ended.errs > sample.Errors {
		sample.Errors, sample.FirstError = ended.errs, ended.first.Error()
	}
	return sample, errors.Join(err, client.Close())
}

func assemble(o Options) (*crew, contender.Contender, error) {
	if err := o.Check(); err != nil {
		return nil, nil, err
	}
	value, err := o.value()
	if err != nil {
		return nil, nil, err
	}
	client, err := o.open(CallTimeout)
	if err != nil {
		return nil, nil, err
	}
	c := &crew{opts: o, rec: newRecorder()}
	for i := range o.Callers {
		j, err := newJob(o, client, i, value)
		if err != nil {
			return nil, nil, errors.Join(fmt.Errorf("caller %d: %w", i, err), client.Close())
		}
		c.jobs = append(c.jobs, j)
	}
	return c, client, nil
}

// work does its job until it is stopped. It reads the clock once per call: the end of
// one call is the beginning of the next.
func (c *crew) work(i int) {
	j := c.jobs[i]
	failed := 0
	begin := time.Now()
	for failed < giveUp && !c.stop.Load() {
		err := j.do()
		end := time.Now()
		c.rec.add(i, j.calls, end.Sub(begin), err)
		begin = end
		if err != nil {
			failed++
		} else {
			failed = 0
		}
	}
	if j.end == nil {
		return
	}
	if err := j.end(); err != nil && failed == 0 {
		c.rec.add(i, 0, 0, err)
	}
}

func (c *crew) measure(ctx context.Context) (Sample, error) {
	if err := pause(ctx, c.opts.Warmup); err != nil {
		return Sample{}, err
	}
	before, err := readUsage()
	if err != nil {
		return Sample{}, err
	}
	c.rec.begin()
	begin := time.Now()
	if err = pause(ctx, c.opts.Slice); err != nil {
		return Sample{}, err
	}
	seconds := time.Since(begin).Seconds()
	counted := c.rec.end()
	after, err := readUsage()
	if err != nil {
		return Sample{}, err
	}
	sample := summarize(c.opts.Contender, counted, seconds, after.minus(before))
	if c.opts.Mode == contender.OneWay {
		sample.P50, sample.P99, sample.Max = 0, 0, 0
	}
	return sample, nil
}

func summarize(name string, c counts, seconds float64, u usage) Sample {
	s := Sample{
		Contender: name, Calls: c.calls, TotalCalls: c.total, Errors: c.errs, Seconds: seconds,
		P50: c.hist.ValueAtQuantile(50), P99: c.hist.ValueAtQuantile(99), Max: c.hist.Max(),
		Collections: u.collections,
	}
	if c.first != nil {
		s.FirstError = c.first.Error()
	}
	s.CallsPerSecond = float64(s.Calls) / seconds
	if calls := float64(s.Calls); calls > 0 {
		s.ClientCPU = float64(u.cpu.Nanoseconds()) / 1e3 / calls
		s.Allocs = float64(u.mallocs) / calls
		s.Bytes = float64(u.bytes) / calls
	}
	return s
}

// wait returns an error if a call is still running after [drain].
func (c *crew) wait() error {
	done := make(chan struct{})
	go func() { // if a call hangs, it ends only with the process
		c.wg.Wait()
		close(done)
	}()
	timer := time.NewTimer(drain)
	defer timer.Stop()
	select {
	case <-done:
		return nil
	case <-timer.C:
		return fmt.Errorf("%s: calls still running %v after the end", c.opts.Contender, drain)
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// usage is what the process has used so far.
type usage struct {
	cpu            time.Duration
	mallocs, bytes uint64
	collections    uint32
}

func readUsage() (usage, error) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	cpu, err := CPU()
	return usage{cpu: cpu, mallocs: m.Mallocs, bytes: m.TotalAlloc, collections: m.NumGC}, err
}

func (u usage) minus(o usage) usage {
	return usage{u.cpu - o.cpu, u.mallocs - o.mallocs, u.bytes - o.bytes, u.collections - o.collections}
}
