// SPDX-License-Identifier: Apache-2.0

package tcp_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp"
)

// waiter is one caller of a benchmark.
type waiter struct {
	wake chan struct{}
	size int
	err  error
}

func (w *waiter) Deliver(_ uint64, m *transport.Message, loan transport.Loan, err error) {
	if w.err = err; m != nil {
		w.size = len(m.Body)
	}
	if loan != nil {
		loan.Return()
	}
	w.wake <- struct{}{}
}

func BenchmarkUnary(b *testing.B) {
	for _, inline := range []bool{true, false} {
		for _, size := range []int{64, 1 << 10, 64 << 10} {
			for _, callers := range []int{1, 16, 128, 1024} {
				name := fmt.Sprintf("inline=%t/size=%d/callers=%d", inline, size, callers)
				b.Run(name, func(b *testing.B) {
					address := serve(b, tcp.ServerConfig{Handler: echo, Inline: inline})
					c := dial(b, newTransport(b), address)
					spread(b, callers, func() func() {
						w := &waiter{wake: make(chan struct{}, 1)}
						m := request(make([]byte, size))
						return func() {
							if _, err := c.Begin(m, w, 1); err != nil {
								b.Error(err)
								return
							}
							<-w.wake
							if w.err != nil || w.size != size {
								b.Errorf("got %d bytes, %v", w.size, w.err)
							}
						}
					})
				})
			}
		}
	}
}

// spread lets the given number of callers make b.N calls together.
func spread(b *testing.B, callers int, caller func() func()) {
	b.Helper()
	b.ReportAllocs()
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	calls := make([]func(), callers)
	for i := range calls {
		calls[i] = caller()
	}
	b.ResetTimer()
	for _, call := range calls {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				call()
			}
		})
	}
	wg.Wait()
}
