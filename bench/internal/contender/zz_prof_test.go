package contender_test

import (
	"context"
	"sync"
	"testing"
	"os"
	"time"

	"example.com/mailcall/bench/internal/contender"
	"example.com/mailcall/bench/internal/wire"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

func BenchmarkProfile(b *testing.B) {
	addr := os.Getenv("ADDR")
	e, _ := contender.Find(os.Getenv("WHO"))
	c, err := e.New(contender.Config{Address: addr, Callers: 16, CallTimeout: 5 * time.Second})
	if err != nil { b.Fatal(err) }
	defer c.Close()
	value, _ := wire.Value(1024)
	var wg sync.WaitGroup
	n := b.N/16 + 1
	b.ResetTimer()
	b.ReportAllocs()
	for i := range 16 {
		wg.Go(func() {
			k, err := c.Caller(i)
			if err != nil { b.Error(err); return }
			for range n {
				if err := k.Call(context.Background(), wrapperspb.Bytes(value), new(wrapperspb.BytesValue)); err != nil { b.Error(err); return }
			}
		})
	}
	wg.Wait()
}
