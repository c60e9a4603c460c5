// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/registry"
)

// closeGrace is how long the client may take to close its connections.
const closeGrace = time.Second

// callCmd is the command mailcall call.
//
//nolint:tagalign // one tag below the other would be wider than any screen
type callCmd struct {
	targetFlags

	Timeout    time.Duration `default:"5s" env:"MAILCALL_REQUEST_TIMEOUT" help:"Timeout of the whole call, 0 for none (default: ${default})."`
	Idempotent bool          `help:"The call may be executed more than once."`
	Raw        bool          `help:"Send BODY and print the reply as raw bytes, with any content type."`

	Body *string `arg:"" optional:"" help:"JSON, @FILE, or - for stdin (default: {})."`

	seen []string // attempts, printed by -v
}

// Run makes the call and prints the reply.
func (c *callCmd) Run(s streams) error {
	body, err := c.body(s) // before untilSignal, so that a signal ends the process while it reads stdin
	if err != nil {
		return err
	}
	ctx, stop := untilSignal()
	defer stop()
	ctx, err = c.settle(ctx)
	if err != nil {
		return err
	}
	client, done, err := c.open(ctx, c.options())
	if err != nil {
		return err
	}
	defer done()
	return c.call(ctx, s, client, body)
}

func (c *callCmd) call(ctx context.Context, s streams, client *api.Caller, body []byte) error {
	q := question{client: client, service: c.Service, endpoint: c.Endpoint, grpc: c.Transport == "grpc", timeout: c.Timeout}
	form, err := c.shape(ctx, c.ContentType, c.Raw, &q)
	if err != nil {
		return err
	}
	value, err := form.value(body)
	if err != nil {
		return err
	}
	reply := form.empty()
	before := client.Runtime().Snapshot().Totals.Retries // without those of the schema query
	err = client.Call(ctx, client.NewRequest(c.Service, c.Endpoint, value, api.WithContentType(c.ContentType)), reply)
	if err != nil {
		return err
	}
	if c.talks() {
		c.tell(s, client.Runtime().Snapshot().Totals.Retries-before)
	}
	return c.print(s, form, reply)
}

func (c *callCmd) body(s streams) ([]byte, error) {
	switch {
	case c.Body != nil:
		return readBody(*c.Body, s.in)
	case c.Raw:
		return nil, nil
	default:
		return []byte("{}"), nil
	}
}

func (c *callCmd) options() []api.Option {
	opts := append(c.targetFlags.options(c.Raw), api.WithRequestTimeout(c.Timeout))
	if c.Idempotent {
		opts = append(opts, api.WithIdempotent(true))
	}
	if c.talks() {
		opts = append(opts, api.WithCallWrapper(c.watch))
	}
	return opts
}

// newClient makes a client. If that fails, the command line or the environment is
// wrong.
func newClient(opts ...api.Option) (*api.Caller, error) {
	client, err := api.New(opts...)
	if err != nil {
		faults := strings.TrimPrefix(err.Error(), "mailcall: options: ")
		return nil, usage("check the flags and the environment variables that begin with MAILCALL_", "%s", strings.ReplaceAll(faults, "\n", "; "))
	}
	return client, nil
}

func closeClient(client *api.Caller) {
	ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	client.Close(ctx)
}

// watch records the node and the outcome of each attempt that got a connection.
func (c *callCmd) watch(next api.CallFunc) api.CallFunc {
	return func(ctx context.Context, node *registry.Node, req api.Request, rsp any, o api.CallOptions) error {
		began := time.Now()
		err := next(ctx, node, req, rsp, o)
		outcome := "answered"
		if err != nil {
			outcome = err.Error()
		}
		c.seen = append(c.seen, fmt.Sprintf("%s: %s after %s", node.Address, outcome, time.Since(began).Round(time.Microsecond)))
		return err
	}
}

// tell prints the attempts of a successful call, for -v: those that watch recorded, and
// the number of the others.
func (c *callCmd) tell(s streams, retries int64) {
	all := int(retries) + 1
	if without := all - len(c.seen); without > 0 {
		sayf(s.err, "attempts that got no connection: %d\n", without)
	}
	for _, line := range c.seen {
		sayf(s.err, "%s\n", line)
	}
}

// print writes the reply: unchanged with --raw or --json, otherwise with a final
// newline.
func (c *callCmd) print(s streams, form shape, reply any) error {
	text, err := form.show(reply)
	if err == nil {
		if !c.Raw && !c.JSON && !bytes.HasSuffix(text, []byte("\n")) {
			text = append(text, '\n')
		}
		_, err = s.out.Write(text)
	}
	return printedReply(err)
}
