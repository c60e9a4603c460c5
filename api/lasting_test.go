// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/memory"
	"example.com/mailcall/transport/tcp"
)

// An attempt lasts until its answer is there, however the exchange is carried:
// nodes are chosen by that, and backoffs begin there.
func TestDurationOfAnAttemptIncludesTheAnswer(t *testing.T) {
	const delay = 30 * time.Millisecond
	overTCP, err := tcp.New()
	if err != nil {
		t.Fatal(err)
	}
	all := wires(t)
	all["tcp"] = overTCP
	for name, wire := range all {
		r := mailcalltest.NewGreeter("greeter")
		t.Cleanup(func() { _ = r.Close() })
		if err := r.Listen(wire, listenAt(name)); err != nil {
			t.Fatal(err)
		}
		r.SetDelay(delay)
		for kind, opts := range map[string][]api.Option{
			"plain":   nil,
			"wrapped": {api.WithCallWrapper(func(next api.CallFunc) api.CallFunc { return next })},
			"hedged":  {api.WithIdempotent(true), api.WithHedge(time.Hour)},
		} {
			c := start(t, append(opts, api.WithTransport(wire), api.WithAddress(r.Address()))...)
			req := c.NewRequest("greeter", "Greeter.Fail", &greet.HelloRequest{Code: 404})
			if a, _ := last(t, c.Call(within(t), req, new(greet.HelloReply))); a.Duration < delay {
				t.Errorf("%s, %s: got an attempt of %s, want %s at least", name, kind, a.Duration, delay)
			}
		}
	}
}

// hasty is a transport whose replies are there before Begin has returned.
type hasty struct {
	transport.Transport
	after time.Duration
}

var errHasty = errors.New("the reply is an error")

func (h hasty) Dial(context.Context, string) (transport.Conn, error) {
	return hastyConn{after: h.after}, nil
}

type hastyConn struct {
	transport.Conn
	after time.Duration
}

func (c hastyConn) Begin(_ *transport.Message, r transport.Receiver, token uint64) (uint64, error) {
	<-time.After(c.after)
	r.Deliver(token, nil, nil, errHasty)
	return 1, nil
}

func (hastyConn) Cancel(uint64) {}

func (hastyConn) Ready(time.Duration) bool { return true }

func (hastyConn) Close() error { return nil }

func TestReplyBeforeTheCallParks(t *testing.T) {
	const after = 10 * time.Millisecond
	c := start(t, api.WithTransport(hasty{memory.New(), after}), api.WithAddress("somewhere"))
	err := greetAnn(within(t), c)
	a, n := last(t, err)
	if !errors.Is(err, errHasty) || n != 1 || a.Proof != rpcerr.SentUnknown || a.Duration < after {
		t.Errorf("got %+v, want one attempt of %s at least", a, after)
	}
}
