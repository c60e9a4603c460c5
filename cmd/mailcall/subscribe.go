// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"syscall"
	"time"

	"example.com/mailcall/broker"
	"example.com/mailcall/rpcerr"
)

// subscribeWithin bounds the start of a subscription.
const subscribeWithin = 10 * time.Second

// subscribeCmd is the command mailcall subscribe.
//
//nolint:tagalign // one tag below the other would be wider than any screen
type subscribeCmd struct {
	brokerFlags

	Queue string `placeholder:"NAME" help:"Share the events with the other subscribers of this queue."`
	Count int    `placeholder:"N" help:"Exit after this many events (default: 0, only when stopped)."`
	JSON  bool   `name:"json" help:"Print each event, and an error, as one JSON object."`

	events  int
	over    chan struct{} // closed when --count events have been printed
	trouble error         // why an event could not be printed
}

// Run prints events until there are --count, or the process is signalled to stop.
func (c *subscribeCmd) Run(s streams) error {
	if c.Count < 0 {
		return usage("without --count there is no limit", "--count is %d; it must not be negative", c.Count)
	}
	ctx, stop := untilSignal()
	defer stop()
	b, things, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer closeAll(things)
	if c.Broker == "http" && !c.announces {
		return usage("use --registry nats://HOST:PORT", "--registry %s does not accept announcements of subscribers", c.Registry)
	}
	c.over = make(chan struct{})
	sub, err := c.subscribe(ctx, s, b)
	if err != nil {
		return err
	}
	c.greet(s)
	select {
	case <-ctx.Done():
	case <-c.over:
	}
	err = sub.Close()
	<-sub.Done()
	if lost := sub.Dropped(); lost > 0 {
		sayf(s.err, "mailcall: %d events were lost: they arrived faster than they could be printed\n", lost)
	}
	if c.trouble != nil {
		return printed("an event arrived but", c.trouble)
	}
	return c.failed(b, err)
}

func (c *subscribeCmd) subscribe(ctx context.Context, s streams, b broker.Broker) (broker.Subscription, error) {
	ctx, cancel := context.WithTimeout(ctx, subscribeWithin)
	defer cancel()
	handle := func(_ context.Context, e broker.Event) error {
		c.handle(s, e)
		return nil
	}
	sub, err := b.Subscribe(ctx, c.Topic, handle, broker.WithQueue(c.Queue))
	switch {
	case errors.Is(err, broker.ErrInvalid):
		return nil, asUsage("check the topic and --queue", err)
	case errors.Is(err, syscall.EADDRINUSE), errors.Is(err, syscall.EADDRNOTAVAIL), errors.Is(err, syscall.EACCES):
		return nil, usage("choose another --broker-address; port 0 picks a free one", "%w", err)
	case err != nil:
		return nil, c.failed(b, err)
	}
	return sub, nil
}

// failed returns the error of the broker as that of a call.
func (c *subscribeCmd) failed(b broker.Broker, err error) error {
	if err == nil {
		return nil
	}
	return &rpcerr.CallError{Service: "broker " + b.String(), Endpoint: c.Topic, Err: err}
}

// greet prints to stderr that the subscription has started.
func (c *subscribeCmd) greet(s streams) {
	if c.JSON {
		line, err := json.Marshal(map[string]string{"subscribed": c.Topic})
		if err == nil { // strings can always be encoded
			sayf(s.err, "%s\n", line)
		}
		return
	}
	sayf(s.err, "subscribed %s\n", c.Topic)
}

// handle prints one event. It is called by one goroutine at a time.
func (c *subscribeCmd) handle(s streams, e broker.Event) {
	if c.trouble != nil || c.Count > 0 && c.events == c.Count {
		return // ignored, because the command is ending
	}
	var line []byte
	if c.JSON {
		line, c.trouble = eventJSON(e)
	} else {
		line = eventLine(e)
	}
	c.events++
	if c.trouble == nil {
		_, c.trouble = fmt.Fprintf(s.out, "%s\n", line)
	}
	if c.trouble != nil || c.events == c.Count {
		close(c.over)
	}
}
