// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/transport/http"
)

// serveCmd is mailcall serve.
//
//nolint:tagalign // one tag below the other would be wider than any screen
type serveCmd struct {
	Address   string        `default:"127.0.0.1:0" placeholder:"HOST:PORT" help:"Where to listen; port 0 picks a free one (default: ${default})."`
	Transport string        `default:"http" enum:"http" help:"Transport: ${enum}."`
	Name      string        `default:"greeter" help:"Name, the first part of the ids of errors (default: ${default})."`
	Delay     time.Duration `placeholder:"D" help:"Answer each call so much later."`
	Fail      float64       `placeholder:"RATE" help:"Answer this share of the calls, 0 to 1, with an error 503."`
}

// Run serves until it is told to stop.
func (c *serveCmd) Run(s streams) error {
	if !(c.Fail >= 0 && c.Fail <= 1) { // not a number is neither
		return usage("0.1 fails every tenth call", "--fail is %g; it must be 0 to 1", c.Fail)
	}
	if c.Delay < 0 {
		return usage("250ms is a delay", "--delay is %s; it must not be negative", c.Delay)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	node, err := startNode(c.Name, c.Address)
	if err != nil {
		return usage("choose another --address; port 0 picks a free one", "%w", err)
	}
	node.SetDelay(c.Delay)
	node.SetFailRate(c.Fail)
	if _, err := fmt.Fprintf(s.out, "listening %s\n", node.Address()); err != nil {
		_ = node.Close() // nobody was told about it
		return fmt.Errorf("cannot say where it listens: %w", err)
	}
	<-ctx.Done()
	stop() // a second signal ends the process at once
	if err := node.Close(); err != nil {
		return fmt.Errorf("cannot stop listening: %w", err)
	}
	return nil
}

// startNode starts a greeter.
func startNode(name, address string) (*mailcalltest.Responder, error) {
	over, err := http.New()
	if err != nil {
		return nil, err
	}
	node := mailcalltest.NewGreeter(name)
	if err := node.Listen(over, address); err != nil {
		return nil, err
	}
	return node, nil
}
