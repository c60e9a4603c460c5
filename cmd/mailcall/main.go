// SPDX-License-Identifier: Apache-2.0

// Command mailcall calls services, serves one for testing, and shows how the client
// handles failures.
//
// The exit code is 0 if the service answered, 1 if the command line is invalid, 2 if
// the service answered with an error, and 3 if there was no answer, or the output could
// not be written.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// Exit codes.
const (
	exitAnswered = 0
	exitUsage    = 1
	exitService  = 2
	exitNoAnswer = 3
)

// commands are the commands and flags of the command line.
type commands struct {
	Demo      demoCmd      `cmd:"" help:"Start nodes and a client on this machine, break the nodes, and watch."`
	Serve     serveCmd     `cmd:"" help:"Serve the greeter, a service for trying out calls."`
	Call      callCmd      `cmd:"" help:"Call an endpoint of a service and print the reply."`
	Stream    streamCmd    `cmd:"" help:"Open a stream that sends and prints JSON lines."`
	Publish   publishCmd   `cmd:"" help:"Publish an event."`
	Subscribe subscribeCmd `cmd:"" help:"Print the events of a topic."`
	Ls        lsCmd        `cmd:"" help:"List services and their nodes."`
	Explain   explainCmd   `cmd:"" help:"Print every option of the client, its value and its source."`
	Version   versionCmd   `cmd:"" help:"Print the version."`

	About versionFlag `help:"Print the version." name:"version"`
}

// streams are the standard streams of a command.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

func main() {
	os.Exit(run(os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// run executes the command line and returns the exit code.
func run(args []string, s streams) int {
	var words commands
	parser, err := kong.New(&words,
		kong.Name("mailcall"),
		kong.Description("Call go-micro services, serve one, and see what happens to each call."),
		kong.Writers(s.out, s.err),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), mapped("duration", "5s", time.ParseDuration)),
		kong.KindMapper(reflect.Int, mapped("number", "3", strconv.Atoi)),
		kong.KindMapper(reflect.Float64, mapped("number", "0.5", parseFloat)),
		kong.Vars{"transports": transportNames()},
		kong.Help(printHelp),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		return report(s, errorFormat{}, err)
	}
	m := errorFormat{json: wantsJSON(args)}
	command, err := parser.Parse(args)
	if failed, is := errors.AsType[*outputError](err); is {
		return report(s, m, failed)
	}
	if err != nil {
		return report(s, m, usage(helpFor(err), "%w", err))
	}
	m.verbose = words.Call.Verbose || words.Stream.Verbose || words.Publish.Verbose
	command.Bind(s)
	err = command.Run()
	if done, ok := errors.AsType[exitError](err); ok {
		return int(done)
	}
	return report(s, m, err)
}

// helpFor refers to the help of the command in which a parse error occurred, or else to
// that of mailcall.
func helpFor(err error) string {
	about := "mailcall"
	if wrong, is := errors.AsType[*kong.ParseError](err); is {
		if command := wrong.Context.Selected(); command != nil {
			about = command.FullPath()
		}
	}
	return about + " --help lists the commands and flags"
}

// wantsJSON reports whether errors are to be printed as JSON. It scans the arguments
// itself, because it must also work if they cannot be parsed.
func wantsJSON(args []string) (wanted bool) {
	if len(args) == 0 || !slices.Contains([]string{"call", "stream", "publish", "subscribe", "ls", "explain"}, args[0]) {
		return false // here --json does not apply to errors
	}
	for _, arg := range args {
		switch arg {
		case "--":
			return wanted
		case "--json", "--json=true", "--json=yes", "--json=1":
			wanted = true
		case "--json=false", "--json=no", "--json=0":
			wanted = false
		}
	}
	return wanted
}

// untilSignal returns a context that is cancelled by the first SIGINT or SIGTERM, so
// that the command can shut down; a second signal ends the process at once.
func untilSignal() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// exitError is the exit code of a command that has already printed everything.
type exitError int

// Error implements error.
func (exitError) Error() string { return "" }
