// SPDX-License-Identifier: Apache-2.0

package chaos_test

import (
	"context"
	"testing"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/tests/internal/kit"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp"
)

// lending goes off when it is given the memory of a reply back.
type lending struct {
	transport.Transport
	bomb *bomb
}

func (l lending) Dial(ctx context.Context, address string) (transport.Conn, error) {
	c, err := l.Transport.Dial(ctx, address)
	async, is := c.(transport.Async)
	if err != nil || !is {
		return c, err
	}
	return lendingConn{async, l.bomb}, nil
}

type lendingConn struct {
	transport.Async
	bomb *bomb
}

func (c lendingConn) Load() (running int, begun uint64) {
	shared, is := c.Async.(transport.Shared)
	if !is {
		return 0, 0
	}
	return shared.Load()
}

func (c lendingConn) Begin(m *transport.Message, r transport.Receiver, token uint64) (uint64, error) {
	return c.Async.Begin(m, lendingTo{r, c.bomb}, token)
}

type lendingTo struct {
	transport.Receiver
	bomb *bomb
}

func (r lendingTo) Deliver(token uint64, m *transport.Message, loan transport.Loan, err error) {
	if loan != nil {
		loan = bombLoan{loan, r.bomb}
	}
	r.Receiver.Deliver(token, m, loan, err)
}

type bombLoan struct {
	transport.Loan
	bomb *bomb
}

func (l bombLoan) Return() {
	l.Loan.Return()
	l.bomb.pass()
}

// The memory of a reply is given back when the call has its answer: what goes
// wrong then is nothing to the caller.
func TestPanicsOfALoanAreContained(t *testing.T) {
	b := new(bomb)
	over, err := tcp.New()
	if err != nil {
		t.Fatal(err)
	}
	server := mailcalltest.StartOn(t, over, "127.0.0.1:0")
	c := kit.Start(t, api.WithTransport(lending{over, b}), api.WithAddress(server.Address()))
	b.armed.Store(true)
	if err := kit.Call(kit.Within(t), c); err != nil {
		t.Errorf("got %v, want an answer", err)
	}
	goesOn(t, c, b)
}
