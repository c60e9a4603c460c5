// SPDX-License-Identifier: Apache-2.0

package http_test

import (
	"context"
	"net"
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newTransport(t testing.TB, opts ...http.Option) *http.Transport {
	t.Helper()
	tr, err := http.New(append([]http.Option{http.WithProxy(nil)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func dial(t testing.TB, tr *http.Transport, address string) transport.Exclusive {
	t.Helper()
	c, err := tr.Dial(context.Background(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c.(transport.Exclusive)
}

// accept runs serve for every connection to a new raw listener, and waits at
// the end of the test until all have returned.
func accept(t testing.TB, serve func(net.Conn)) (address string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				serve(c)
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		wg.Wait()
	})
	return ln.Addr().String()
}

// answering serves a connection with one write for each request it reads, and
// then keeps it open until the client closes.
func answering(replies ...string) func(net.Conn) {
	return func(c net.Conn) {
		buf := make([]byte, 64<<10)
		for _, reply := range replies {
			if _, err := c.Read(buf); err != nil {
				return
			}
			if _, err := c.Write([]byte(reply)); err != nil {
				return
			}
		}
		for {
			if _, err := c.Read(buf); err != nil {
				return
			}
		}
	}
}

// respond runs a responder on tr's own listener that answers with answer.
func respond(t testing.TB, tr *http.Transport, answer func(m *transport.Message)) (address string) {
	t.Helper()
	ln, err := tr.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				var m transport.Message
				for c.Recv(&m) == nil {
					answer(&m)
					if c.Send(&m) != nil {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		wg.Wait()
	})
	return ln.Address()
}

func echo(*transport.Message) {}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name + ".bin")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func request(body string) *transport.Message {
	return &transport.Message{
		Header: transport.Header{
			{Name: "Content-Type", Value: "application/json"},
			{Name: "Micro-Service", Value: "greeter"},
		},
		Body: []byte(body),
	}
}
