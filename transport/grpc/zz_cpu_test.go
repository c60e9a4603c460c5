package grpc_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	stock "google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/protobuf/proto"

	"example.com/mailcall/transport"
	mailgrpc "example.com/mailcall/transport/grpc"
)

func cpu() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func TestCPU(t *testing.T) {
	if os.Getenv("CPU") == "" {
		t.Skip()
	}
	l, _ := net.Listen("tcp", "127.0.0.1:0")
	server := stock.NewServer()
	testpb.RegisterTestServiceServer(server, bare{})
	go func() { _ = server.Serve(l) }()
	defer server.Stop()
	win := []stock.DialOption{stock.WithInitialWindowSize(1 << 20), stock.WithInitialConnWindowSize(4 << 20)}
	ctx := context.Background()
	mk := func(extra ...stock.DialOption) func(r *testpb.SimpleRequest) func() error {
		cc, _ := stock.NewClient(l.Addr().String(), append(extra, stock.WithTransportCredentials(insecure.NewCredentials()))...)
		t.Cleanup(func() { cc.Close() })
		return func(r *testpb.SimpleRequest) func() error {
			return func() error { return cc.Invoke(ctx, testService+"UnaryCall", r, &testpb.SimpleResponse{}) }
		}
	}
	type scratch struct {
		body  []byte
		reply transport.Message
	}
	pool := sync.Pool{New: func() any { return new(scratch) }}
	ours := func(deadline, timeout bool, extra ...stock.DialOption) func(r *testpb.SimpleRequest) func() error {
		c := dial(t, l.Addr().String(), mailgrpc.WithDialOptions(extra...))
		m := request(t, "UnaryCall", nil)
		if timeout {
			m.Header.Add("Timeout", "5000000000")
		}
		return func(r *testpb.SimpleRequest) func() error {
			return func() error {
				s := pool.Get().(*scratch)
				defer pool.Put(s)
				s.body, _ = proto.MarshalOptions{}.MarshalAppend(s.body[:0], r)
				var at time.Time
				if deadline {
					at = time.Now().Add(5 * time.Second)
				}
				if err := c.Exchange(ctx, at, &transport.Message{Header: m.Header, Body: s.body}, &s.reply); err != nil {
					return err
				}
				return proto.Unmarshal(s.reply.Body, &testpb.SimpleResponse{})
			}
		}
	}
	variants := []struct {
		name string
		f    func(r *testpb.SimpleRequest) func() error
	}{
		{"stock", mk()}, {"stock+win", mk(win...)}, {"ours-nodl", ours(false, false)}, {"ours-dl", ours(true, false)}, {"ours-dl-to", ours(true, true)}, {"ours-all+win", ours(true, true, win...)},
	}
	for _, size := range []int{64, 1024, 65536} {
		for _, callers := range []int{1, 16, 128} {
			best := make([]time.Duration, len(variants))
			wall := make([]time.Duration, len(variants))
			for round := 0; round < 8; round++ {
				for i, v := range variants {
					call := v.f(simple(size, size))
					var n atomic.Int64
					end := time.Now().Add(120 * time.Millisecond)
					c0, w0 := cpu(), time.Now()
					var g sync.WaitGroup
					for range callers {
						g.Go(func() {
							for time.Now().Before(end) {
								if err := call(); err != nil {
									t.Error(err)
									return
								}
								n.Add(1)
							}
						})
					}
					g.Wait()
					d := (cpu() - c0) / time.Duration(n.Load())
					w := time.Since(w0) / time.Duration(n.Load())
					if best[i] == 0 || d < best[i] {
						best[i] = d
					}
					if wall[i] == 0 || w < wall[i] {
						wall[i] = w
					}
				}
			}
			s := fmt.Sprintf("%6d %4d", size, callers)
			for i, v := range variants {
				s += fmt.Sprintf("  %s %.1f/%.1f(%.2f)", v.name, float64(best[i])/1e3, float64(wall[i])/1e3, float64(best[0])/float64(best[i]))
			}
			fmt.Println(s)
		}
	}
}
