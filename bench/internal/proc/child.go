// SPDX-License-Identifier: Apache-2.0

// Package proc runs the parts of the benchmark as child processes: the same program in
// another role. Parent and child exchange lines: the parent writes commands, the child
// writes JSON values. A child exits when its standard input ends, so it does not
// outlive its parent.
package proc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// Env is set in the environment of every child, so that a test binary plays a role
// instead of running tests.
const Env = "RPCBENCH_CHILD"

// stopDelay bounds the wait for a child to exit.
const stopDelay = 5 * time.Second

// Child is a process started by [Start]. It is not safe for concurrent use.
type Child struct {
	role   string
	cmd    *exec.Cmd
	cancel context.CancelFunc
	stdin  io.WriteCloser
	out    *json.Decoder
}

// Start starts this program again with args; the first is the role. The child is killed
// when ctx ends. It shares standard error with this process.
func Start(ctx context.Context, args ...string) (*Child, error) {
	if len(args) == 0 {
		return nil, errors.New("start a child: no role given")
	}
	path, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), Env+"=1")
	cmd.Stderr = os.Stderr
	cmd.WaitDelay = stopDelay
	stdin, errIn := cmd.StdinPipe()
	stdout, errOut := cmd.StdoutPipe()
	if err = errors.Join(errIn, errOut); err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("start a %s: %w", args[0], err)
	}
	return &Child{role: args[0], cmd: cmd, cancel: cancel, stdin: stdin, out: json.NewDecoder(stdout)}, nil
}

// Read waits for the child's next value and decodes it into v.
func (c *Child) Read(v any) error {
	if err := c.out.Decode(v); err != nil {
		return fmt.Errorf("answer of the %s: %w", c.role, err)
	}
	return nil
}

// Ask writes a command and decodes the answer into a value.
func (c *Child) Ask(command string, v any) error {
	if _, err := io.WriteString(c.stdin, command+"\n"); err != nil {
		return fmt.Errorf("ask the %s: %w", c.role, err)
	}
	return c.Read(v)
}

// Stop ends the child and waits for it; it kills the child after five seconds. It
// returns an error if the child exited with one.
func (c *Child) Stop() error {
	_ = c.stdin.Close() // the child may have exited already; Wait reports it
	timer := time.AfterFunc(stopDelay, c.cancel)
	defer timer.Stop()
	defer c.cancel()
	if err := c.cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w", c.role, err)
	}
	return nil
}
