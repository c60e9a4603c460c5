// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"example.com/mailcall/contrib/nats"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// serveCmd is the command mailcall serve.
//
//nolint:tagalign // one tag below the other would be wider than any screen
type serveCmd struct {
	Address   string        `default:"127.0.0.1:0" placeholder:"HOST:PORT" help:"Address to listen on; port 0 picks a free one (default: ${default})."`
	Transport string        `default:"http" placeholder:"NAME" help:"Transport: ${transports}, or nats://HOST:PORT; memory cannot be served (default: ${default})."`
	Registry  string        `placeholder:"URL" help:"Registry in which to register until the end: nats://HOST:PORT."`
	Name      string        `default:"greeter" help:"Name of the service, also the prefix of error ids (default: ${default})."`
	Delay     time.Duration `placeholder:"D" help:"Delay of each answer."`
	Fail      float64       `placeholder:"RATE" help:"Share of the calls, 0 to 1, that are answered with error 503."`

	secureFlags
}

// Run serves until the process is signalled to stop.
func (c *serveCmd) Run(s streams) error {
	if err := c.check(); err != nil {
		return err
	}
	secure, err := c.config()
	if err != nil {
		return err
	}
	over, known, err := openWire(c.Transport, secure)
	if err != nil {
		return err
	}
	defer closeAll([]any{over})
	node, err := startNode(over, c.Name, c.Address)
	if err != nil {
		return c.listenError(err)
	}
	ctx, stop := untilSignal() // before this a signal ends the process at once
	defer stop()
	node.SetDelay(c.Delay)
	node.SetFailRate(c.Fail)
	err = c.serve(ctx, s, node, known.name)
	if closed := node.Close(); closed != nil {
		err = errors.Join(err, fmt.Errorf("cannot stop listening: %w", closed))
	}
	return err
}

func (c *serveCmd) check() error {
	switch {
	case c.Name == "":
		return usage("without --name it is greeter", "the name of the service is empty")
	case !(c.Fail >= 0 && c.Fail <= 1): // also false for NaN
		return usage("--fail 0.1 fails every tenth call", "--fail is %g; it must be 0 to 1", c.Fail)
	case c.Delay < 0:
		return usage("an example is --delay 250ms", "--delay is %s; it must not be negative", c.Delay)
	case c.wanted() && strings.HasPrefix(c.Transport, "nats"):
		return usage("leave out --cacert, --cert and --key", "over nats callers connect to the NATS server, which has its own certificate")
	case c.Transport == memory:
		return usage("mailcall call --transport memory starts its own greeter", "the memory transport cannot be reached from outside this process")
	}
	return nil
}

// listenError explains why the service cannot listen at the address.
func (c *serveCmd) listenError(err error) error {
	if errors.Is(err, context.DeadlineExceeded) { // only the connection to NATS has a timeout
		err = fmt.Errorf("%w: %w", nats.ErrDisconnected, err)
	}
	if errors.Is(err, nats.ErrDisconnected) {
		return &rpcerr.CallError{Service: c.Name, Endpoint: "listen", Err: err}
	}
	return usage("choose another --address; port 0 picks a free one", "%w", err)
}

// serve registers the node, prints its address, and waits for the end.
func (c *serveCmd) serve(ctx context.Context, s streams, node *mailcalltest.Responder, over string) error {
	leave, err := c.announce(ctx, s, node.Address(), over)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(s.out, "listening %s\n", node.Address()); err != nil {
		return errors.Join(printed("the address", err), leave())
	}
	<-ctx.Done()
	return leave()
}

// startNode starts a greeter.
func startNode(over transport.Transport, name, address string) (*mailcalltest.Responder, error) {
	on, can := over.(mailcalltest.Listening)
	if !can {
		return nil, fmt.Errorf("the transport %s cannot listen", over)
	}
	node := mailcalltest.NewGreeter(name)
	if err := node.Listen(on, address); err != nil {
		return nil, err
	}
	return node, nil
}
