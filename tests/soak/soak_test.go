// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A short run, to check that the soak test itself works.
func TestSoak(t *testing.T) {
	page := filepath.Join(t.TempDir(), "soak.md")
	var out strings.Builder
	err := run(t.Context(), []string{"--duration", "4s", "--every", "500ms", "--workers", "4", "--out", page}, &out)
	if err != nil {
		t.Errorf("got %v, want none\n%s", err, out.String())
	}
	text, err := os.ReadFile(page)
	if err != nil || !strings.Contains(string(text), "| live heap") && !strings.Contains(string(text), "live heap, MB") {
		t.Errorf("got %q and %v, want a table", text, err)
	}
}

func TestJudge(t *testing.T) {
	grow := make([]sample, 16)
	for i := range grow {
		grow[i] = sample{heap: uint64(10e6 + float64(i)*2e6), goroutines: 100 + 40*i}
	}
	err := judge(grow, new(counts))
	if err == nil || !strings.Contains(err.Error(), "heap grew") || !strings.Contains(err.Error(), "goroutines grew") {
		t.Errorf("got %v, want both to have grown", err)
	}
	lost := new(counts)
	lost.lost.Add(1)
	if err := judge(make([]sample, 16), lost); err == nil {
		t.Error("got no error for a lost call, want one")
	}
	if err := judge(make([]sample, 16), new(counts)); err != nil {
		t.Errorf("got %v, want none", err)
	}
}
