// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// binary is the built command.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "mailcall")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = filepath.Join(dir, "mailcall")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m,
		goleak.Cleanup(func(code int) {
			os.RemoveAll(dir)
			os.Exit(code)
		}),
		// A goroutine of the NATS server may still be ending.
		goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.(*Server).remoteLatencyUpdate"))
}

// patience bounds how long a process may take, in case it hangs.
const patience = time.Minute

// environment returns the test's environment without settings for the client.
func environment() (env []string) {
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "MAILCALL_") {
			env = append(env, e)
		}
	}
	return env
}

func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = environment()
	return cmd
}

// result is the exit code and output of a process.
type result struct {
	code        int
	out, errors string
}

func finish(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v: %v", cmd.Args, err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

func mailcall(t *testing.T, args ...string) result {
	t.Helper()
	return finish(t, command(t, args...))
}

// process is a command that runs during the test.
type process struct {
	*exec.Cmd
	lines *bufio.Reader // of stdout, or of stderr
}

// start starts a command whose output the test reads line by line.
func start(t *testing.T, pipe func(*exec.Cmd) (io.ReadCloser, error), args ...string) *process {
	t.Helper()
	cmd := command(t, args...)
	out, err := pipe(cmd)
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	return &process{cmd, bufio.NewReader(out)}
}

// interrupt sends SIGINT, waits, and returns the exit code and the rest of the output.
func (p *process) interrupt(t *testing.T, s syscall.Signal) (code int, rest string) {
	t.Helper()
	if err := p.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	return p.wait(t)
}

func (p *process) wait(t *testing.T) (code int, rest string) {
	t.Helper()
	text, err := io.ReadAll(p.lines)
	if err != nil {
		t.Error(err)
	}
	_ = p.Wait() // the exit code has the result
	return p.ProcessState.ExitCode(), string(text)
}

// serve starts mailcall serve and returns its address.
func serve(t *testing.T, args ...string) string {
	t.Helper()
	p := start(t, (*exec.Cmd).StdoutPipe, append([]string{"serve"}, args...)...)
	line, err := p.lines.ReadString('\n')
	address, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "listening ")
	if err != nil || !ok {
		t.Fatalf("got %q, %v, want \"listening ADDRESS\"", line, err)
	}
	t.Cleanup(func() {
		if code, rest := p.interrupt(t, syscall.SIGINT); code != 0 || rest != "" {
			t.Errorf("serve after SIGINT: got exit code %d and %q, want 0 and no more", code, rest)
		}
	})
	return address
}
