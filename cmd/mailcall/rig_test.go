// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
)

// natsServer starts a NATS server and returns its URL.
func natsServer(t *testing.T) string {
	t.Helper()
	return natsServerWith(t, nil)
}

func natsServerWith(t *testing.T, secure *tls.Config) string {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, TLSConfig: secure, TLSTimeout: patience.Seconds(),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(patience) {
		t.Fatal("the NATS server is not ready")
	}
	return s.ClientURL()
}

// grpcServer starts a google.golang.org/grpc server with its health service, and
// returns its address.
func grpcServer(t *testing.T, reflects bool) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	h := health.NewServer()
	healthv1.RegisterHealthServer(s, h)
	if reflects {
		reflection.Register(s)
	}
	serveGRPC(t, s, l)
	return l.Addr().String()
}

// serveGRPC runs the server until the test ends.
func serveGRPC(t *testing.T, s *grpc.Server, l net.Listener) {
	t.Helper()
	over := make(chan error, 1)
	go func() { over <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Stop()
		if err := <-over; err != nil {
			t.Error(err)
		}
	})
}

// dialog is a running command with which the test exchanges lines.
type dialog struct {
	*exec.Cmd

	in       io.WriteCloser
	out, err *bufio.Reader
}

func talk(t *testing.T, args ...string) *dialog {
	t.Helper()
	cmd := command(t, args...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	errs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return &dialog{cmd, in, bufio.NewReader(out), bufio.NewReader(errs)}
}

// say writes a line to the command's stdin.
func (d *dialog) say(t *testing.T, line string) {
	t.Helper()
	if _, err := io.WriteString(d.in, line+"\n"); err != nil {
		t.Fatal(err)
	}
}

// hear reads a line from a pipe of the command and compares it.
func (d *dialog) hear(t *testing.T, from *bufio.Reader, want string) {
	t.Helper()
	line, err := from.ReadString('\n')
	if err != nil || line != want+"\n" {
		_ = d.Process.Kill() // it may wait for ever otherwise
		rest, _ := io.ReadAll(d.err)
		t.Fatalf("%q: got %q, %v, want %q; it says %q", d.Args, line, err, want, rest)
	}
}

// end waits for the command and returns its exit code and the rest of its output.
func (d *dialog) end(t *testing.T) result {
	t.Helper()
	var out, errs bytes.Buffer
	read := make(chan error, 1)
	go func() {
		_, err := io.Copy(&errs, d.err)
		read <- err
	}()
	if _, err := io.Copy(&out, d.out); err != nil {
		t.Error(err)
	}
	if err := <-read; err != nil {
		t.Error(err)
	}
	_ = d.Wait() // the exit code has the result
	d.in.Close()
	return result{d.ProcessState.ExitCode(), out.String(), errs.String()}
}

// lines joins lines of JSON.
func lines(all ...string) string { return strings.Join(all, "\n") + "\n" }
