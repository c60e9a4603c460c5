// SPDX-License-Identifier: Apache-2.0

package machinery

import (
	"context"
	"sync/atomic"
	"testing"

	"example.com/mailcall/transport"
)

// far is a transport with one connection that all calls share; another goroutine
// answers the exchanges.
type far struct{}

func (far) Dial(context.Context, string) (transport.Conn, error) {
	c := &mux{begun: make(chan landing, 4096)}
	go c.answer()
	return c, nil
}
func (far) String() string    { return "inline" }
func (far) Multiplexed() bool { return true }

type landing struct {
	receiver transport.Receiver
	token    uint64
}

// mux answers exchanges in the order in which they began.
type mux struct {
	conn
	begun chan landing
	count atomic.Uint64
}

func (c *mux) Begin(_ *transport.Message, r transport.Receiver, token uint64) (uint64, error) {
	c.begun <- landing{r, token}
	return token, nil
}

func (c *mux) answer() {
	var empty transport.Message
	for l := range c.begun {
		l.receiver.Deliver(l.token, &empty, nil, nil)
	}
}

func (c *mux) Cancel(uint64)       {}
func (c *mux) Load() (int, uint64) { return 0, c.count.Load() }
func (c *mux) Close() error        { close(c.begun); return nil }

// bareReceiver wakes one waiting goroutine.
type bareReceiver struct{ done chan struct{} }

func (r *bareReceiver) Deliver(uint64, *transport.Message, transport.Loan, error) {
	r.done <- struct{}{}
}

// BenchmarkSharedBare measures an exchange on the bare shared connection.
func BenchmarkSharedBare(b *testing.B) {
	t, _ := far{}.Dial(context.Background(), "")
	c, _ := t.(*mux)
	defer func() { _ = c.Close() }()
	b.ReportAllocs()
	b.SetParallelism(64)
	b.RunParallel(func(p *testing.PB) {
		r := &bareReceiver{done: make(chan struct{}, 1)}
		var m transport.Message
		for p.Next() {
			if _, err := c.Begin(&m, r, 1); err != nil {
				b.Error(err)
			}
			<-r.done
		}
	})
}

// BenchmarkSharedCall measures the same exchange as a call.
func BenchmarkSharedCall(b *testing.B) {
	runtime, plan := startOn(b, far{})
	if err := runtime.Desk.Do(context.Background(), plan, &exchange{}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetParallelism(64)
	b.RunParallel(func(p *testing.PB) {
		x := &exchange{body: make([]byte, 64)}
		for p.Next() {
			if err := runtime.Desk.Do(context.Background(), plan, x); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

var _ interface {
	transport.Async
	transport.Shared
} = (*mux)(nil)
