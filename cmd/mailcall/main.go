// SPDX-License-Identifier: Apache-2.0

// Command mailcall calls services, serves one to be called, and shows what
// the client does when things go wrong.
//
// It exits with 0 when the service answered, 1 when the command line was
// wrong, 2 when the service answered with an error, and 3 when there was no
// answer, or nowhere to write it.
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

// What the command exits with.
const (
	exitAnswered = 0
	exitUsage    = 1
	exitService  = 2
	exitNoAnswer = 3
)

// commands are the words of the command line.
type commands struct {
	Demo      demoCmd      `cmd:"" help:"Start nodes and a client on this machine, break the nodes, and watch."`
	Serve     serveCmd     `cmd:"" help:"Serve the greeter, a service to try calls on."`
	Call      callCmd      `cmd:"" help:"Call an endpoint of a service and print the reply."`
	Stream    streamCmd    `cmd:"" help:"Open a stream: JSON lines in, JSON lines out."`
	Publish   publishCmd   `cmd:"" help:"Publish an event."`
	Subscribe subscribeCmd `cmd:"" help:"Print the events of a topic."`
	Ls        lsCmd        `cmd:"" help:"List services and their nodes."`
	Explain   explainCmd   `cmd:"" help:"Print every option of the client, its value, and where that comes from."`
	Version   versionCmd   `cmd:"" help:"Print the version."`

	About versionFlag `help:"Print the version." name:"version"`
}

// streams are what a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

func main() {
	os.Exit(run(os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// run does what the arguments say and returns the exit code.
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
		return report(s, manner{}, err)
	}
	m := manner{json: wantsJSON(args)}
	command, err := parser.Parse(args)
	if failed, is := errors.AsType[*unwrittenError](err); is {
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

// helpFor names the help that a line which is not understood is told to read:
// that of its command, where it has one.
func helpFor(err error) string {
	about := "mailcall"
	if wrong, is := errors.AsType[*kong.ParseError](err); is {
		if command := wrong.Context.Selected(); command != nil {
			about = command.FullPath()
		}
	}
	return about + " --help says what there is"
}

// wantsJSON reports whether errors are to be JSON. It reads the arguments
// itself, because of a line that is not understood nothing else is known.
func wantsJSON(args []string) (wanted bool) {
	if len(args) == 0 || !slices.Contains([]string{"call", "stream", "publish", "subscribe", "ls", "explain"}, args[0]) {
		return false // or --json is not about errors
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

// untilSignal is the context of a command that ends well when it is told to
// stop; a second signal ends the process at once.
func untilSignal() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// exitError ends a command that has said everything itself.
type exitError int

// Error implements error.
func (exitError) Error() string { return "" }
