// SPDX-License-Identifier: Apache-2.0

package memory_test

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// connect returns both ends of a new connection.
func connect(t *testing.T) (client, server transport.Exclusive) {
	t.Helper()
	n := memory.New()
	ln, err := n.Listen("a:0")
	if err != nil {
		t.Fatal(err)
	}
	c, err := n.Dial(context.Background(), ln.Address())
	if err != nil {
		t.Fatal(err)
	}
	s, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Close()
		_ = s.Close()
		_ = ln.Close()
	})
	return c.(transport.Exclusive), s.(transport.Exclusive)
}

func message(body string, fields ...transport.Field) *transport.Message {
	return &transport.Message{Header: fields, Body: []byte(body)}
}
