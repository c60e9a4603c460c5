// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The test reads the output, fetches the inspector's page, and interrupts the program.
func TestRun(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, w := io.Pipe()
	over := make(chan error, 1)
	go func() {
		err := run(ctx, w)
		_ = w.Close()
		over <- err
	}()
	said := bufio.NewScanner(r)
	next := func() string {
		t.Helper()
		if !said.Scan() {
			t.Fatalf("it says nothing more: %v, ended with %v", said.Err(), <-over)
		}
		return said.Text()
	}

	_, page, _ := strings.Cut(next(), "look at ")
	expect(t, "the calls that the inspector shows", strings.Count(get(t, page+"v1/calls"), `"Work.`), 2)
	expect(t, "what it says", next(), "stop me with ^C")
	if runtime.GOOS == "windows" {
		t.Skip("needs signals, which Linux and macOS have")
	}
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Signal(os.Interrupt)
	}
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "what it says", next(), "stopping")
	ends := map[string]bool{next(): true, next(): true} // in either order
	expect(t, "how the calls ended", ends["Work.Job: done"] && ends["Work.Stuck: cut"], true)
	expect(t, "what it says", next(), "calls that were cut: 1")
	if err := <-over; err != nil {
		t.Error(err)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	rsp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer rsp.Body.Close()
	body, err := io.ReadAll(rsp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func expect[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
