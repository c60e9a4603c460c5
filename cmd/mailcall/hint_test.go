// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"crypto/tls"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// alone serves only MQTT over TLS: it refuses the handshake of clients that name
// another protocol.
func alone(t *testing.T, p papers) (address string) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(p.cert, p.key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"mqtt"}})
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.(*tls.Conn).Handshake()
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-over
	})
	return l.Addr().String()
}

// silent listens and sends nothing; the kernel accepts the connections.
func silent(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

// A service that dies in the middle of a stream has followed the protocol until then.
func TestServiceDiesDuringAStream(t *testing.T) {
	for _, transport := range []string{"http", "tcp", "grpc", "mucp-grpc"} {
		p := start(t, stdoutOf, "serve", "--transport", transport)
		line, err := p.lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		address := strings.TrimSpace(strings.TrimPrefix(line, "listening "))
		d := talk(t, "stream", "--transport", transport, "--address", address, "greeter", "Greeter.Bidi")
		d.say(t, `{"name":"a"}`)
		d.hear(t, d.out, `{"greeting":"Hello a"}`)
		p.interrupt(t, syscall.SIGKILL)
		if got := d.end(t); got.code != 3 || !strings.Contains(got.errors, "hint: the server closed the connection early: did it stop?") {
			t.Errorf("%s: got exit code %d and %q, want 3 and that it hung up", transport, got.code, got.errors)
		}
	}
}

func TestHints(t *testing.T) {
	p := issue(t)
	for _, tc := range []struct {
		args []string
		hint string
	}{
		{[]string{"--cacert", p.ca, "--address=https://" + alone(t, p)}, "hint: the server speaks another protocol over TLS"},
		{[]string{"--address=unix:" + filepath.Join(filepath.Dir(p.ca), "none")}, "hint: nothing is listening there"},
		{[]string{"--transport=" + natsServer(t), "--address=nobody"}, "hint: nothing is listening there"},
		{[]string{"--registry=nats://" + silent(t), "--timeout=50ms"}, "hint: is the registry reachable"},
		{[]string{"--registry=dns:"}, "hint: with dns: a service is named NAME:PORT"},
		{[]string{"--address=127.0.0.1:1", "--timeout=1ns"}, "hint: increase --timeout"},
		{[]string{"--registry=static:greeter=no such:1"}, "hint: the registered address is not valid"},
	} {
		got := mailcall(t, append([]string{"call", "--retries=0", "greeter", "Greeter.Hello"}, tc.args...)...)
		if got.code != 3 || !strings.Contains(got.errors, tc.hint) {
			t.Errorf("%q: got exit code %d and %q, want 3 and %q", tc.args, got.code, got.errors, tc.hint)
		}
	}
}

// With --registry, MAILCALL_ADDRESS is ignored, valid or not.
func TestRegistryBesideAnAddressOfTheEnvironment(t *testing.T) {
	at := serve(t)
	for _, address := range []string{"127.0.0.1:1", " 127.0.0.1:1 , 127.0.0.1:2", "nonsense"} {
		cmd := command(t, "call", "--registry=static:greeter="+at, "greeter", "Greeter.Hello")
		cmd.Env = append(cmd.Env, "MAILCALL_ADDRESS="+address)
		if got := finish(t, cmd); got.code != 0 {
			t.Errorf("%q: got exit code %d and %q, want 0", address, got.code, got.errors)
		}
	}
}
