// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"flag"
	"fmt"
	"strconv"

	"example.com/mailcall/bench/internal/contender"
	"example.com/mailcall/bench/internal/load"
	"example.com/mailcall/bench/internal/proc"
	"example.com/mailcall/bench/internal/server"
)

// Roles of the child processes. They are for internal use.
const (
	roleServer = "server"
	roleClient = "client"
	roleHolder = "holder"
)

func play(ctx context.Context, role string, args []string, std streams) error {
	flags := flag.NewFlagSet("rpcbench "+role, flag.ContinueOnError)
	flags.SetOutput(std.err)
	var o load.Options
	var kind, scenario, mode string
	flags.StringVar(&kind, "kind", server.Minimal, "kind of server")
	flags.StringVar(&scenario, "scenario", string(contender.Calls), "which table of clients")
	flags.StringVar(&mode, "mode", "", "what streams are for")
	flags.StringVar(&o.Contender, "contender", "", "which client")
	flags.StringVar(&o.Address, "address", "", "host:port of the server")
	flags.IntVar(&o.Callers, "callers", 1, "goroutines that call")
	flags.IntVar(&o.Payload, "payload", 64, "bytes of the body")
	flags.DurationVar(&o.Warmup, "warmup", 0, "time before counting")
	flags.DurationVar(&o.Slice, "slice", 0, "time of counting")
	flags.BoolVar(&o.DeadlineContext, "deadline-context", false, "contexts have a deadline")
	if err := flags.Parse(args); err != nil {
		return usageError{err}
	}
	o.Scenario, o.Mode = contender.Scenario(scenario), contender.Mode(mode)
	switch role {
	case roleServer:
		return proc.Serve(kind, std.in, std.out)
	case roleClient:
		return proc.Load(ctx, o, std.in, std.out)
	default:
		return proc.Hold(ctx, o, std.in, std.out)
	}
}

// clientArgs returns the command line of a client or holder.
func clientArgs(role string, o load.Options) []string {
	return []string{
		role,
		"--scenario", string(o.Scenario), "--mode", string(o.Mode),
		"--contender", o.Contender, "--address", o.Address,
		"--callers", strconv.Itoa(o.Callers), "--payload", strconv.Itoa(o.Payload),
		"--warmup", o.Warmup.String(), "--slice", o.Slice.String(),
		fmt.Sprintf("--deadline-context=%t", o.DeadlineContext),
	}
}

// backend is a server process.
type backend struct {
	*proc.Child
	address string
}

func startBackend(ctx context.Context, kind string) (*backend, error) {
	child, err := proc.Start(ctx, roleServer, "--kind", kind)
	if err != nil {
		return nil, err
	}
	var hello proc.Hello
	if err = child.Read(&hello); err != nil {
		_ = child.Stop()
		return nil, err
	}
	return &backend{child, hello.Address}, nil
}

func (b *backend) usage() (proc.Usage, error) {
	var u proc.Usage
	err := b.Ask(proc.AskUsage, &u)
	return u, err
}
