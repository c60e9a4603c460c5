// SPDX-License-Identifier: Apache-2.0

// Command rpcbench compares RPC clients side by side: client and server are separate
// processes, rounds are interleaved, and ratios are computed within a round.
//
//	rpcbench [calls] [flags]   HTTP/1.1 clients with go-micro's protocol: calls per second, CPU, allocations, latency
//	rpcbench rpc [flags]       the same for unary echoes, each peer with its own protocol
//	rpcbench streams [flags]   the same for messages on streams
//	rpcbench memory [flags]    memory of calls that wait for their answer
//
// The README of the module explains the figures.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"example.com/mailcall/bench/internal/contender"
)

// Exit codes.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130 // the exit code of shells after Ctrl-C
)

func main() {
	os.Exit(run(os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// streams are the standard streams.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// run plays the role given by args and returns the exit code.
func run(args []string, std streams) int {
	role := "calls"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		role, args = args[0], args[1:]
	}
	var err error
	switch role {
	case "calls":
		err = untilInterrupt(driveCells(contender.Calls, "HTTP/1.1 clients: calls"), args, std)
	case "rpc":
		err = untilInterrupt(driveCells(contender.RPC, "RPC clients: unary echo"), args, std)
	case "streams":
		err = untilInterrupt(driveCells(contender.Streams, "RPC clients: streams"), args, std)
	case "memory":
		err = untilInterrupt(driveMemory, args, std)
	case roleServer, roleClient, roleHolder:
		// Ctrl-C reaches the whole process group; only the driver handles it, and ends
		// its children.
		signal.Ignore(os.Interrupt)
		err = play(context.Background(), role, args, std)
	default:
		err = usageError{fmt.Errorf("%q is unknown; use calls, rpc, streams or memory", role)}
	}
	return exitCode(err, std.err)
}

// driver runs a scenario.
type driver func(ctx context.Context, args []string, std streams) error

func untilInterrupt(drive driver, args []string, std streams) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return drive(ctx, args, std)
}

// usageError is an error in the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func exitCode(err error, stderr io.Writer) int {
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitOK
	case errors.Is(err, context.Canceled):
		_, _ = fmt.Fprintln(stderr, "rpcbench: stopped")
		return exitInterrupted
	}
	_, _ = fmt.Fprintln(stderr, "rpcbench:", err)
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	return exitFailed
}
