// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"context"
	"fmt"
	"time"

	"example.com/mailcall/internal/guard"
	"example.com/mailcall/messages"
	"example.com/mailcall/registry"
	"example.com/mailcall/rpcerr"
)

// The methods in this file run user code and turn its panics into errors.

func (c *cell) retry(n int, failure error) (wish messages.Wish, backoff time.Duration, err error) {
	defer guard.Catch("retry or backoff function", &err)
	return c.exchange.Retry(n, failure)
}

func (c *cell) pick(p messages.Picker, ready, tried []*messages.Node) (n *messages.Node, err error) {
	defer guard.Catch("selection strategy", &err)
	n = p.Pick(ready, tried, &c.dice)
	if n == nil {
		err = fmt.Errorf("%w: the strategy chose none of %d", rpcerr.ErrNoneAvailable, len(ready))
	}
	return n, err
}

func (c *cell) narrow(v *messages.View, nodes []*messages.Node) (ready []*messages.Node, err error) {
	defer guard.Catch("select filter", &err)
	records := append([]*registry.Service(nil), v.Records...)
	for _, f := range c.plan.Filters {
		records = f(records)
	}
	kept := make(map[string]bool)
	for _, r := range records {
		for _, n := range r.Nodes {
			kept[n.ID+"\x00"+n.Address] = true
		}
	}
	for _, n := range nodes {
		if kept[n.ID+"\x00"+n.Address] {
			ready = append(ready, n)
		}
	}
	return ready, nil
}

func (c *cell) encode() (brief bool, err error) {
	defer guard.Catch("codec", &err)
	return c.exchange.Encode()
}

func (c *cell) decode() (err error) {
	defer guard.Catch("codec", &err)
	return c.exchange.Decode(c.attempts[c.sup.won].reply)
}

func (c *cell) wrap(n *messages.Node, do func(context.Context) error) (err error) {
	defer guard.Catch("call wrapper", &err)
	return c.exchange.Wrap(n, do)
}
