// SPDX-License-Identifier: Apache-2.0

package mailcalltest_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http"
	"example.com/mailcall/transport/memory"
	"example.com/mailcall/transport/tcp"
)

// network is a transport that can listen.
type network interface {
	transport.Transport
	mailcalltest.Listening
}

// The responder serves on every transport of this module, also after Kill and Restart.
func TestTransports(t *testing.T) {
	over, err := http.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, network := range []network{over, memory.New(), overTCP(t), overTCP(t, tcp.WithWire(tcp.Gob))} {
		t.Run(network.String(), func(t *testing.T) {
			server := mailcalltest.NewGreeter("greeter")
			if err := server.Listen(network, "127.0.0.1:0"); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := server.Close(); err != nil {
					t.Error(err)
				}
			})
			callOver(t, network, server.Address())
			server.Kill()
			if err := server.Restart(); err != nil {
				t.Fatal(err)
			}
			callOver(t, network, server.Address())
			mailcalltest.AssertCalls(t, server, "Greeter.Hello", 2)
		})
	}
}

func overTCP(t *testing.T, opts ...tcp.Option) network {
	t.Helper()
	over, err := tcp.New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	return over
}

func callOver(t *testing.T, over transport.Transport, address string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := over.Dial(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	m := message(`{"name":"Ann"}`, "Content-Type", jsonType, "Micro-Endpoint", "Greeter.Hello", "Micro-ID", "3")
	if err := conn.Send(m); err != nil {
		t.Fatal(err)
	}
	var got transport.Message
	if err := conn.Recv(&got); err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(string(got.Body)) != helloAnn {
		t.Errorf("got %q, want %q", got.Body, helloAnn)
	}
}
