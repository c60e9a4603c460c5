// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"bytes"
	"encoding/json"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// TestFullDisk: output that cannot be written is reported, with the exit code 3.
func TestFullDisk(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux, which has /dev/full")
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { full.Close() })
	address := serve(t)
	for _, line := range []string{
		"call --address ADDRESS greeter Greeter.Hello",
		"call --address ADDRESS --json greeter Greeter.Hello",
		"stream --address ADDRESS greeter Greeter.Bidi",
		"stream --address ADDRESS --json greeter Greeter.Bidi",
		"ls --registry memory",
		"ls --registry memory --json",
		"explain",
		"explain --json",
		"version",
		"--version",
		"--help",
		"call --help",
		"serve",
		"demo --nodes 1 --duration 50ms",
	} {
		t.Run(line, func(t *testing.T) {
			args := strings.Fields(strings.ReplaceAll(line, "ADDRESS", address))
			cmd := command(t, args...)
			var errs bytes.Buffer
			cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(`{"name":"Ada"}`), full, &errs
			_ = cmd.Run() // the exit code has the result
			text := errs.String()
			if got := cmd.ProcessState.ExitCode(); got != 3 || strings.Contains(text, "hint:") {
				t.Errorf("got exit code %d and %q, want 3 and no hint", got, text)
			}
			if slices.Contains(args, "--json") {
				var object struct {
					Detail string `json:"detail"`
				}
				if err := json.Unmarshal(errs.Bytes(), &object); err != nil {
					t.Errorf("got %q, want one JSON object: %v", text, err)
				}
				text = object.Detail
			}
			if !strings.Contains(text, "cannot be written: ") {
				t.Errorf("got %q, want to hear that it cannot be written", text)
			}
		})
	}
}
