// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/mailcall/bench/internal/contender"
	"example.com/mailcall/bench/internal/load"
	"example.com/mailcall/bench/internal/report"
	"example.com/mailcall/bench/internal/server"
)

// maxRounds bounds --rounds.
const maxRounds = 100

// settings is what a person asks for.
type settings struct {
	rounds     int
	slice      time.Duration
	warmup     time.Duration
	callers    []int
	payloads   []int
	contenders []string
	base       string
	server     string
	deadline   bool
	out        string
	folder     string
	json       bool
	command    string
}

// parse reads the flags of a driver. With memory set, flags that have no
// meaning there do not exist.
func parse(args []string, memory bool, stderr io.Writer) (settings, error) {
	name := "rpcbench calls"
	rounds, callers, payloads := 4, "1,16,128,1024", "64,1024"
	if memory {
		name, rounds, callers, payloads = "rpcbench memory", 3, "10000", "64"
	}
	s := settings{command: strings.Join(append([]string{name}, args...), " ")}
	var contenders string
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&s.rounds, "rounds", rounds, "how often each contender runs in each cell")
	flags.StringVar(&callers, "callers", callers, "goroutines that call, a list")
	flags.StringVar(&payloads, "payload", payloads, "bytes of the encoded body, a list")
	flags.StringVar(&contenders, "contenders", strings.Join(contender.Defaults(), ","), "who runs, a list in order: "+catalogue())
	flags.StringVar(&s.base, "base", "", "whose figures are divided by the others' (default: "+contender.Ours+" if it runs, else the first)")
	flags.StringVar(&s.out, "out", "", "write the result as NAME.json and NAME.md (default: not)")
	flags.StringVar(&s.folder, "results", "results", "the folder for --out")
	flags.BoolVar(&s.deadline, "deadline-context", false, "callers use a context with a deadline")
	flags.BoolVar(&s.json, "json", false, "print JSON instead of tables")
	if !memory {
		flags.DurationVar(&s.slice, "slice", time.Second, "how long a contender is measured in a round")
		flags.DurationVar(&s.warmup, "warmup", 300*time.Millisecond, "how long it runs before that")
		flags.StringVar(&s.server, "server", server.Minimal, "the server: "+server.Minimal+" or "+server.Greeter)
	}
	if err := flags.Parse(args); err != nil {
		return s, usageError{err}
	}
	if flags.NArg() > 0 {
		return s, usageError{fmt.Errorf("argument %q: only flags are taken", flags.Arg(0))}
	}
	var err1, err2 error
	s.callers, err1 = numbers("callers", callers)
	s.payloads, err2 = numbers("payload", payloads)
	s.contenders = list(contenders)
	if err := errors.Join(err1, err2, s.check(memory)); err != nil {
		return s, usageError{err}
	}
	return s, nil
}

// check finds mistakes before the first process starts, and fills base.
func (s *settings) check(memory bool) error {
	if s.rounds < 1 || s.rounds > maxRounds {
		return fmt.Errorf("rounds %d is out of range; use 1 to %d", s.rounds, maxRounds)
	}
	if len(s.contenders) == 0 || len(s.callers) == 0 || len(s.payloads) == 0 {
		return errors.New("contenders, callers and payload need at least one entry each")
	}
	if memory && len(s.callers)*len(s.payloads) > 1 {
		return errors.New("memory takes one number of callers and one payload")
	}
	if !memory && s.server != server.Minimal && s.server != server.Greeter {
		return fmt.Errorf("server %q is unknown; use %s or %s", s.server, server.Minimal, server.Greeter)
	}
	if s.base == "" {
		s.base = s.contenders[0]
		if slices.Contains(s.contenders, contender.Ours) {
			s.base = contender.Ours
		}
	}
	if !slices.Contains(s.contenders, s.base) {
		return fmt.Errorf("base %q does not run; it must be one of the contenders", s.base)
	}
	if s.out != "" {
		if err := report.CheckName(s.out); err != nil {
			return err
		}
	}
	return s.checkCells(memory)
}

func (s *settings) checkCells(memory bool) error {
	for _, o := range s.cells() {
		for _, name := range s.contenders {
			o.Contender = name
			if memory {
				o.Slice = 1
			}
			if err := o.Check(); err != nil {
				return err
			}
		}
	}
	return nil
}

// cells returns the options of each cell, without address and contender.
func (s *settings) cells() []load.Options {
	var cells []load.Options
	for _, payload := range s.payloads {
		for _, callers := range s.callers {
			cells = append(cells, load.Options{
				Callers: callers, Payload: payload, Warmup: s.warmup, Slice: s.slice, DeadlineContext: s.deadline,
			})
		}
	}
	return cells
}

func catalogue() string {
	var lines []string
	for _, e := range contender.All() {
		lines = append(lines, e.Name+" ("+e.Note+")")
	}
	return strings.Join(lines, "; ")
}

func list(text string) []string {
	var out []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" && !slices.Contains(out, part) {
			out = append(out, part)
		}
	}
	return out
}

func numbers(name, text string) ([]int, error) {
	var out []int
	for _, part := range list(text) {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil, fmt.Errorf("%s: %q is not a number", name, part)
		}
		out = append(out, n)
	}
	return out, nil
}
