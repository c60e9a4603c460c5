// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/memory"
)

// echoing serves connections of the memory transport: to each request it
// answers for the id that answer makes of its own.
func echoing(t *testing.T, wire *memory.Network, answer func(id string) string) string {
	t.Helper()
	l, err := wire.Listen("")
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		work.Wait()
	})
	work.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			work.Go(func() { converse(conn, answer) })
		}
	})
	return l.Address()
}

func converse(conn transport.Conn, answer func(id string) string) {
	defer func() { _ = conn.Close() }()
	for {
		var m transport.Message
		if conn.Recv(&m) != nil {
			return
		}
		reply := transport.Message{
			Header: transport.Header{{Name: "Content-Type", Value: "application/json"}},
			Body:   []byte(`{"greeting":"Hello Ann"}`),
		}
		if id := answer(m.Header.Get("Micro-ID")); id != "" {
			reply.Header.Add("Micro-ID", id)
		}
		if conn.Send(&reply) != nil {
			return
		}
	}
}

// Where the wire tells which request an answer is for, one to a request that
// nobody made is no answer, and the connection is given up.
func TestAnswersThatNobodyAskedFor(t *testing.T) {
	same := func(id string) string { return id }
	for _, tc := range []struct {
		name   string
		answer func(id string) string
		good   bool
	}{
		{"own", same, true},
		{"no id", func(string) string { return "" }, true},
		{"another one", func(string) string { return "999999" }, false},
		{"negative", func(string) string { return "-1" }, false},
		{"no number", func(string) string { return "x" }, false},
		{"over 64 bits", func(string) string { return "99999999999999999999" }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			wire := memory.New()
			c := start(t, api.WithTransport(wire), api.WithAddress(echoing(t, wire, tc.answer)), api.WithDefaultContentType("application/json"))
			for range 3 {
				err := greetAnn(within(t), c)
				if (err == nil) != tc.good {
					t.Fatalf("got %v, want it good: %t", err, tc.good)
				}
				if err == nil {
					continue
				}
				if a, _ := last(t, err); !errors.Is(err, transport.ErrProtocol) || a.Proof != rpcerr.SentUnknown {
					t.Errorf("got %v with proof %s, want a broken protocol and that the request may have been sent", err, a.Proof)
				}
			}
		})
	}
}

// A server without a codec for text says so in text, which is no reply.
func TestTextThatIsRefused(t *testing.T) {
	server := mailcalltest.Start(t, mailcalltest.WithCodec("text/plain", nil))
	c := start(t, api.WithAddress(server.Address()))
	in, out := "hi", "untouched"
	err := c.Call(within(t), c.NewRequest("greeter", "Greeter.Text", &in, api.WithContentType("text/plain")), &out)
	if err == nil || !strings.Contains(err.Error(), "unsupported Content-Type") || out != "untouched" {
		t.Errorf("got %q, %v, want an error that names the content type", out, err)
	}
}
