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

// settings are the parsed flags.
type settings struct {
	scenario   contender.Scenario
	rounds     int
	slice      time.Duration
	warmup     time.Duration
	callers    []int
	payloads   []int
	modes      []string // of streams; [""] in the other scenarios
	contenders []string
	bases      []string // the first is the one with which all figures are compared
	server     string
	deadline   bool
	out        string
	folder     string
	json       bool
	command    string
}

// lists are the unparsed values of flags that take lists.
type lists struct{ callers, payloads, modes, contenders, bases string }

// usual returns the defaults of a scenario.
func usual(scenario contender.Scenario) (rounds int, l lists) {
	l = lists{callers: "1,16,128,1024", payloads: "64,1024", contenders: strings.Join(contender.Defaults(scenario), ",")}
	rounds = 4
	switch scenario {
	case contender.Calls:
	case contender.RPC:
		l.payloads = "64,1024,65536"
	case contender.Streams:
		l.callers, l.payloads, l.modes = "1,16,128", "64,1024", string(contender.PingPong+","+contender.OneWay)
	case contender.Memory:
		rounds, l.callers, l.payloads = 3, "10000", "64"
	}
	return rounds, l
}

// parse parses the flags of a driver. A scenario has only the flags that apply to it.
func parse(args []string, scenario contender.Scenario, stderr io.Writer) (settings, error) {
	name := "rpcbench " + string(scenario)
	rounds, l := usual(scenario)
	s := settings{scenario: scenario, command: strings.Join(append([]string{name}, args...), " ")}
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&s.rounds, "rounds", rounds, "number of runs of each contender in each cell")
	flags.StringVar(&l.payloads, "payload", l.payloads, "list of sizes of the encoded message, in bytes")
	flags.StringVar(&l.contenders, "contenders", l.contenders, "list of contenders, in order: "+catalogue(scenario))
	flags.StringVar(&l.bases, "base", "", "list of contenders whose figures are divided by the others'; all but the first only in the overview (default: those of mailcall that run, else the first contender)")
	flags.StringVar(&s.out, "out", "", "write the result as NAME.json and NAME.md (default: no files)")
	flags.StringVar(&s.folder, "results", "results", "folder for --out")
	flags.BoolVar(&s.json, "json", false, "print JSON instead of tables")
	if scenario == contender.Streams {
		flags.StringVar(&l.callers, "streams", l.callers, "list of numbers of concurrent streams")
		flags.StringVar(&l.modes, "mode", l.modes, "list of modes")
	} else {
		flags.StringVar(&l.callers, "callers", l.callers, "list of numbers of calling goroutines")
		flags.BoolVar(&s.deadline, "deadline-context", false, "call with a context that has a deadline")
	}
	if scenario != contender.Memory {
		flags.DurationVar(&s.slice, "slice", time.Second, "duration of one measurement")
		flags.DurationVar(&s.warmup, "warmup", 300*time.Millisecond, "duration of the warm-up before it")
	}
	if scenario == contender.Calls {
		flags.StringVar(&s.server, "server", server.Minimal, "server: "+server.Minimal+" or "+server.Greeter)
	}
	if err := flags.Parse(args); err != nil {
		return s, usageError{err}
	}
	if flags.NArg() > 0 {
		return s, usageError{fmt.Errorf("argument %q: only flags are accepted", flags.Arg(0))}
	}
	if err := errors.Join(s.take(l), s.check()); err != nil {
		return s, usageError{err}
	}
	return s, nil
}

// take parses the lists.
func (s *settings) take(l lists) error {
	var err1, err2 error
	s.callers, err1 = numbers("callers", l.callers)
	s.payloads, err2 = numbers("payload", l.payloads)
	s.contenders, s.bases, s.modes = list(l.contenders), list(l.bases), list(l.modes)
	if s.scenario != contender.Streams {
		s.modes = []string{""}
	}
	return errors.Join(err1, err2)
}

// check validates the settings before the first process starts, and fills in bases.
func (s *settings) check() error {
	if s.rounds < 1 || s.rounds > maxRounds {
		return fmt.Errorf("rounds %d is out of range; use 1 to %d", s.rounds, maxRounds)
	}
	if len(s.contenders) == 0 || len(s.cells()) == 0 {
		return errors.New("every list needs at least one entry")
	}
	if s.scenario == contender.Memory && len(s.cells()) > 1 {
		return errors.New("memory takes one number of callers and one payload")
	}
	if s.scenario == contender.Calls && s.server != server.Minimal && s.server != server.Greeter {
		return fmt.Errorf("server %q is unknown; use %s or %s", s.server, server.Minimal, server.Greeter)
	}
	if err := s.checkBases(); err != nil {
		return err
	}
	if s.out != "" {
		if err := report.CheckName(s.out); err != nil {
			return err
		}
	}
	return s.checkCells()
}

func (s *settings) checkBases() error {
	if len(s.bases) == 0 {
		for _, name := range contender.Bases(s.scenario) {
			if slices.Contains(s.contenders, name) {
				s.bases = append(s.bases, name)
			}
		}
	}
	if len(s.bases) == 0 {
		s.bases = s.contenders[:1]
	}
	for _, base := range s.bases {
		if !slices.Contains(s.contenders, base) {
			return fmt.Errorf("base %q does not run; it must be one of the contenders", base)
		}
	}
	return nil
}

func (s *settings) checkCells() error {
	for _, o := range s.cells() {
		for _, name := range s.contenders {
			o.Contender = name
			if s.scenario == contender.Memory {
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
	for _, mode := range s.modes {
		for _, payload := range s.payloads {
			for _, callers := range s.callers {
				cells = append(cells, load.Options{
					Scenario: s.scenario, Mode: contender.Mode(mode), Callers: callers, Payload: payload,
					Warmup: s.warmup, Slice: s.slice, DeadlineContext: s.deadline,
				})
			}
		}
	}
	return cells
}

func catalogue(scenario contender.Scenario) string {
	var lines []string
	for _, e := range contender.Table(scenario) {
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
