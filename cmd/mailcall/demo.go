// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/inspect"
	"example.com/mailcall/registry/static"
)

const (
	serviceName = "greeter"
	maxNodes    = 64
	maxRate     = 1_000_000
)

// demoCmd is the command mailcall demo.
//
//nolint:tagalign // one tag below the other would be wider than any screen
type demoCmd struct {
	Duration time.Duration `default:"10s" help:"How long to make calls (default: ${default})."`
	Nodes    int           `default:"5" help:"Number of nodes to start, 1 to 64 (default: ${default})."`
	Rate     int           `placeholder:"N" help:"Calls per second (default: 2000, also for 0)."`
	JSON     bool          `name:"json" help:"Print the summary as JSON on stdout, progress on stderr."`
}

// Run runs the demo.
func (c *demoCmd) Run(s streams) error {
	if err := c.check(); err != nil {
		return err
	}
	ctx, stop := untilSignal()
	defer stop()

	nodes, err := startFleet(c.Nodes)
	if err != nil {
		return fmt.Errorf("cannot start the nodes: %w", err)
	}
	sum, err := c.watch(ctx, s, nodes)
	if err = errors.Join(err, nodes.close()); err != nil {
		return err
	}
	if err := printed("the summary", sum.print(s.out, c.JSON)); err != nil {
		return err
	}
	if sum.Lost > 0 {
		return exitError(exitNoAnswer)
	}
	return nil
}

func (c *demoCmd) check() error {
	if c.Rate == 0 {
		c.Rate = defaultRate
	}
	switch {
	case c.Duration <= 0:
		return usage("an example is --duration 10s", "--duration is %s; it must be positive", c.Duration)
	case c.Nodes < 1 || c.Nodes > maxNodes:
		return usage("the default is 5", "--nodes is %d; it must be 1 to %d", c.Nodes, maxNodes)
	case c.Rate < 0 || c.Rate > maxRate:
		return usage("the default is 2000", "--rate is %d; it must be 0 to %d", c.Rate, maxRate)
	}
	return nil
}

// watch makes calls to the nodes while these are broken and restored.
func (c *demoCmd) watch(ctx context.Context, s streams, nodes *fleet) (*summary, error) {
	client, err := api.New(
		api.WithRegistry(static.New(serviceName, nodes.addresses()...)),
		api.WithIdempotent(true), // it may be retried even after it was sent
		api.WithRetries(4),
		api.WithAttemptTimeout(2*time.Second),
	)
	if err != nil {
		return nil, err
	}
	defer closeClient(client) //nolint:contextcheck // it must close even after ctx has ended
	looking, stopLooking := context.WithCancel(context.WithoutCancel(ctx))
	page, looked, err := inspect.Serve(looking, client.Runtime(), inspect.WithSettings(func() any {
		o := client.Options()
		return o.Settings()
	}))
	if err != nil {
		stopLooking()
		return nil, err
	}
	defer func() {
		stopLooking()
		_ = looked() // the error is that of the shutdown
	}()
	l := &load{client: client, rate: c.Rate}
	began := time.Now()
	v := &view{out: c.progress(s), load: l, fleet: nodes, began: began}
	v.greet(page)
	c.run(ctx, l, nodes, v)
	return sumUp(v, page), nil
}

// progress returns the writer for progress, which is stderr under --json.
func (c *demoCmd) progress(s streams) io.Writer {
	if c.JSON {
		return s.err
	}
	return s.out
}

// run makes calls until the duration has passed or ctx ends, and all calls have
// returned.
func (c *demoCmd) run(ctx context.Context, l *load, nodes *fleet, v *view) {
	ctx, cancel := context.WithTimeout(ctx, c.Duration)
	defer cancel()
	shown, stopShowing := context.WithCancel(context.WithoutCancel(ctx))
	var others sync.WaitGroup
	others.Go(func() { nodes.injectFaults(ctx) })
	others.Go(func() { v.show(shown) })
	l.run(ctx)
	stopShowing()
	others.Wait()
}
