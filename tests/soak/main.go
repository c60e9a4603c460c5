// SPDX-License-Identifier: Apache-2.0

// Soak runs a client for a long time with nodes that are killed and restarted, over
// every transport of the root module, with concurrent calls, streams and publishing. It
// fails if memory or goroutines grow, or if a call gets no answer.
//
//	go run ./tests/soak --duration 10m --out bench/results/soak.md
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

// options are the flags.
type options struct {
	duration, every time.Duration
	nodes, workers  int
	out             string
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var o options
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	flags.DurationVar(&o.duration, "duration", 10*time.Minute, "how long")
	flags.DurationVar(&o.every, "every", 10*time.Second, "time between two samples")
	flags.IntVar(&o.nodes, "nodes", 3, "nodes on each transport")
	flags.IntVar(&o.workers, "workers", 16, "goroutines that call on each transport; half as many keep streams")
	flags.StringVar(&o.out, "out", "", "write the samples as a page of markdown")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.duration < 4*o.every {
		return errors.New("duration must be at least four times every: growth is judged from samples")
	}
	samples, counts, err := soak(ctx, o, out)
	if err != nil {
		return err
	}
	if o.out != "" {
		if err := os.WriteFile(o.out, page(o, samples, counts), 0o600); err != nil {
			return err
		}
	}
	return judge(samples, counts)
}
