// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/metadata"
	"example.com/mailcall/registry"
	"example.com/mailcall/rpcerr"
)

// closeGrace is how long the client may take to close its connections.
const closeGrace = time.Second

// callCmd is mailcall call.
//
//nolint:tagalign // one tag below the other would be wider than any screen
type callCmd struct {
	Address        []string       `placeholder:"HOST:PORT" env:"MAILCALL_ADDRESS" help:"Nodes to call, separated by commas."`
	Transport      string         `default:"http" enum:"http" help:"Transport: ${enum}."`
	ContentType    string         `default:"application/json" placeholder:"CT" help:"Content type (default: ${default})."`
	Header         []string       `short:"H" sep:"none" placeholder:"K=V" help:"Metadata to send; may be repeated."`
	Timeout        time.Duration  `default:"5s" env:"MAILCALL_REQUEST_TIMEOUT" help:"Bound of the whole call, 0 for none (default: ${default})."`
	AttemptTimeout *time.Duration `placeholder:"D" help:"Bound of one attempt."`
	Retries        *int           `placeholder:"N" help:"Attempts that may follow the first."`
	Idempotent     bool           `help:"The call may be executed more than once."`
	Raw            bool           `help:"Send BODY and print the reply byte by byte, under any content type."`
	JSON           bool           `name:"json" help:"Errors as one JSON object."`
	Verbose        bool           `short:"v" help:"Show attempts and decisions."`

	Service  string  `arg:"" help:"Name of the service."`
	Endpoint string  `arg:"" help:"Handler.Method."`
	Body     *string `arg:"" optional:"" help:"JSON, @FILE, or - for stdin (default: {})."`

	seen []string // attempts, for -v
}

// Run makes the call.
func (c *callCmd) Run(s streams) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	md, err := parseHeader(c.Header)
	if err != nil {
		return err
	}
	p, err := c.payload(s)
	if err != nil {
		return err
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	defer closeClient(client)
	ctx = metadata.NewContext(ctx, md)
	req := client.NewRequest(c.Service, c.Endpoint, p.request, api.WithContentType(c.ContentType))
	err = client.Call(ctx, req, p.reply)
	if c.talks() {
		c.tell(s, client, err)
	}
	if err != nil {
		return err
	}
	return c.print(s, p.bytes())
}

// talks reports whether -v may write to stderr: under --json there is nothing
// there but the one object, which has the attempts in it.
func (c *callCmd) talks() bool { return c.Verbose && !c.JSON }

func (c *callCmd) payload(s streams) (payload, error) {
	body := []byte("{}")
	if c.Raw {
		body = nil
	}
	if c.Body != nil {
		var err error
		if body, err = readBody(*c.Body, s.in); err != nil {
			return payload{}, err
		}
	}
	return payloadOf(c.ContentType, body, c.Raw)
}

func (c *callCmd) client() (*api.Caller, error) {
	if len(c.Address) == 0 {
		return nil, usage("add --address HOST:PORT (or set MAILCALL_ADDRESS); mailcall serve starts something to call",
			"where does %s run? there is no registry to ask yet", c.Service)
	}
	for _, a := range c.Address {
		if _, _, err := net.SplitHostPort(a); err != nil {
			return nil, usage("an address is HOST:PORT, several are separated by commas", "--address %q: %w", a, err)
		}
	}
	opts := []api.Option{
		api.WithEnvironment(),
		api.WithAddress(c.Address...),
		api.WithDefaultContentType(c.ContentType),
		api.WithRequestTimeout(c.Timeout),
	}
	if c.Raw {
		opts = append(opts, api.WithCodec(c.ContentType, frames{}))
	}
	if c.AttemptTimeout != nil {
		opts = append(opts, api.WithAttemptTimeout(*c.AttemptTimeout))
	}
	if c.Retries != nil {
		opts = append(opts, api.WithRetries(*c.Retries))
	}
	if c.Idempotent {
		opts = append(opts, api.WithIdempotent(true))
	}
	if c.talks() {
		opts = append(opts, api.WithCallWrapper(c.watch))
	}
	return newClient(opts...)
}

// newClient makes a client; that it cannot is a fault of the command line or
// the environment.
func newClient(opts ...api.Option) (*api.Caller, error) {
	client, err := api.New(opts...)
	if err != nil {
		return nil, usage("check the flags, and the environment variables that begin with MAILCALL_", "%w", err)
	}
	return client, nil
}

func closeClient(client *api.Caller) {
	ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	client.Close(ctx)
}

// watch notes which node an attempt got a connection to, and what came of it.
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

// tell says what the attempts did, for -v. The log of a failed call has all
// there is to know; of one that was answered there is what watch has seen.
func (c *callCmd) tell(s streams, client *api.Caller, err error) {
	if call, ok := errors.AsType[*rpcerr.CallError](err); ok {
		printAttempts(s.err, call)
		return
	}
	all := int(client.Runtime().Snapshot().Totals.Retries) + 1
	if without := all - len(c.seen); without > 0 {
		sayf(s.err, "attempts that got no connection: %d\n", without)
	}
	for _, line := range c.seen {
		sayf(s.err, "%s\n", line)
	}
}

// print writes the reply: as it is, or for people with an end of line.
func (c *callCmd) print(s streams, reply []byte) error {
	if !c.Raw && !c.JSON && !bytes.HasSuffix(reply, []byte("\n")) {
		reply = append(reply, '\n')
	}
	if _, err := s.out.Write(reply); err != nil {
		sayf(s.err, "mailcall: the reply came but cannot be written: %v\n", err)
		return exitError(exitNoAnswer)
	}
	return nil
}
