// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"example.com/mailcall/registry"
	"example.com/mailcall/rpcerr"
)

// lsCmd is the command mailcall ls.
//
//nolint:tagalign // one tag below the other would be wider than any screen
type lsCmd struct {
	Registry string        `required:"" placeholder:"URL" help:"Registry with the services: static:NAME=HOST:PORT,...;..., dns:, dns://NAME:PORT, nats://HOST:PORT, or memory."`
	Timeout  time.Duration `default:"5s" help:"Timeout of the lookup, 0 for none (default: ${default})."`
	JSON     bool          `name:"json" help:"Print the records as a JSON array; print an error as one JSON object."`

	Service string `arg:"" optional:"" help:"List only this service."`
}

// Run lists the services of the registry.
func (c *lsCmd) Run(s streams) error {
	if c.Timeout < 0 {
		return usage("an example is --timeout 5s", "--timeout is %s; it must not be negative", c.Timeout)
	}
	ctx, stop := untilSignal()
	defer stop()
	if c.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Timeout)
		defer cancel()
	}
	from, err := openSource(ctx, c.Registry, protocolMucp)
	if err != nil {
		return err
	}
	defer closeAll([]any{from.Registry})
	records, err := c.records(ctx, from)
	if err != nil {
		return err
	}
	if c.JSON {
		return printed("the list", printRecords(s.out, records))
	}
	return printed("the list", printTable(s.out, records))
}

func (c *lsCmd) records(ctx context.Context, from *source) ([]*registry.Service, error) {
	if c.Service != "" {
		records, err := from.Lookup(ctx, c.Service)
		return records, c.failed(from, err)
	}
	lister, can := from.Registry.(registry.Lister)
	if !can {
		return nil, usage("name the service: mailcall ls SERVICE", "the registry %s cannot list services", from)
	}
	records, err := lister.List(ctx)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil, asUsage("name the service: mailcall ls SERVICE", err)
	}
	return records, c.failed(from, err)
}

func (c *lsCmd) failed(from *source, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, registry.ErrNotFound):
		err = fmt.Errorf("%w: %w", rpcerr.ErrNotFound, err)
	case errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("%w: %w: %s are over (--timeout)", rpcerr.ErrRegistryUnavailable, err, c.Timeout)
	default:
		err = fmt.Errorf("%w: %w", rpcerr.ErrRegistryUnavailable, err)
	}
	return &rpcerr.CallError{Service: "registry " + from.String(), Endpoint: cmp.Or(c.Service, "list"), Err: err}
}

// printRecords prints the records as JSON.
func printRecords(w io.Writer, records []*registry.Service) error {
	if records == nil {
		records = []*registry.Service{}
	}
	text, err := json.MarshalIndent(records, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", text)
	return err
}

// printTable prints a line per node.
func printTable(w io.Writer, records []*registry.Service) error {
	const none = "-"
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	sayf(table, "SERVICE\tVERSION\tADDRESS\tPROTOCOL\tTRANSPORT\tNODE\n") // errors are kept by the writer
	for _, r := range records {
		version := cmp.Or(r.Version, none)
		if len(r.Nodes) == 0 {
			sayf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Name, version, none, none, none, none)
		}
		for _, n := range r.Nodes {
			protocol, transport := cmp.Or(n.Metadata["protocol"], none), cmp.Or(n.Metadata["transport"], none)
			sayf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Name, version, n.Address, protocol, transport, n.ID)
		}
	}
	return table.Flush()
}
