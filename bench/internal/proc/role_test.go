// SPDX-License-Identifier: Apache-2.0

package proc_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/mailcall/bench/internal/contender"
	"example.com/mailcall/bench/internal/load"
	"example.com/mailcall/bench/internal/proc"
	"example.com/mailcall/bench/internal/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestServeAnswersUntilItsInputEnds(t *testing.T) {
	var out bytes.Buffer
	if err := proc.Serve(server.Minimal, strings.NewReader(strings.Repeat("usage\n", 2)), &out); err != nil {
		t.Fatalf("got %v, want no error", err)
	}
	dec := json.NewDecoder(&out)
	var hello proc.Hello
	if err := dec.Decode(&hello); err != nil || hello.Address == "" {
		t.Errorf("got %+v, error %v, want an address", hello, err)
	}
	for range 2 {
		var u proc.Usage
		if err := dec.Decode(&u); err != nil || u.CPU <= 0 {
			t.Errorf("got %+v, error %v, want the CPU time used", u, err)
		}
	}
}

func TestUnknownCommandIsAnError(t *testing.T) {
	err := proc.Serve(server.Minimal, strings.NewReader("other\n"), &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "other") {
		t.Errorf("got %v, want an error that names the command", err)
	}
}

func TestLoadEndsWithItsInput(t *testing.T) {
	s, err := server.Start(server.Minimal)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	o := load.Options{Scenario: contender.Calls, Contender: "floor", Address: s.Address(), Callers: 1, Payload: 64, Slice: time.Minute}
	if err = proc.Load(t.Context(), o, strings.NewReader(""), &bytes.Buffer{}); err == nil {
		t.Error("got no error, want one: the parent is gone")
	}
}

func TestStartNeedsARole(t *testing.T) {
	if _, err := proc.Start(t.Context()); err == nil {
		t.Error("got no error, want one")
	}
}
