// SPDX-License-Identifier: Apache-2.0

package contender_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"example.com/mailcall/bench/internal/contender"
	"example.com/mailcall/bench/internal/echo"
	"example.com/mailcall/bench/internal/server"
)

func message(t *testing.T, number uint64, size int) *echo.Message {
	t.Helper()
	data, err := echo.Value(size)
	if err != nil {
		t.Fatal(err)
	}
	return &echo.Message{Number: number, Data: data}
}

func TestEchoesAreAnswered(t *testing.T) {
	for _, e := range contender.Table(contender.RPC) {
		t.Run(e.Name, func(t *testing.T) {
			client := open(t, e, start(t, e.Server))
			bounded, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var wg sync.WaitGroup
			for i := range 2 {
				caller, err := client.Caller(i)
				if err != nil {
					t.Fatal(err)
				}
				for n, size := range []int{64, 1024, 65536, 64} {
					want, got := message(t, uint64(10*i+n+1), size), new(echo.Message)
					ctx := context.Background()
					if n%2 == 1 {
						ctx = bounded
					}
					wg.Go(func() {
						err := caller.Call(ctx, want, got)
						if err == nil {
							err = echo.Check(want, got)
						}
						if err != nil {
							t.Errorf("caller %d, %d bytes: got %v, want the answer", i, size, err)
						}
					})
					wg.Wait()
				}
			}
		})
	}
}

func TestCallersDoNotMixUpReplies(t *testing.T) {
	for _, e := range contender.Table(contender.RPC) {
		t.Run(e.Name, func(t *testing.T) {
			client := open(t, e, start(t, e.Server))
			var wg sync.WaitGroup
			for i := range 2 {
				caller, err := client.Caller(i)
				if err != nil {
					t.Fatal(err)
				}
				wg.Go(func() {
					for n := range 100 {
						want, got := &echo.Message{Number: uint64(1000*i + n + 1), Data: make([]byte, n)}, new(echo.Message)
						if err := errors.Join(caller.Call(context.Background(), want, got), echo.Check(want, got)); err != nil {
							t.Errorf("caller %d, call %d: got %v, want the answer", i, n, err)
							return
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

func TestBareCallersEchoBytes(t *testing.T) {
	for _, kind := range []string{server.RawMux, server.RawMuxGo} {
		e, err := contender.Find(contender.RPC, kind)
		if err != nil {
			t.Fatal(err)
		}
		caller, err := open(t, e, start(t, e.Server)).Caller(1)
		if err != nil {
			t.Fatal(err)
		}
		bare, ok := caller.(contender.Bare)
		if !ok {
			t.Fatalf("%s: got %T, want one without a codec", kind, caller)
		}
		if got, err := bare.Echo(t.Context(), []byte("abc")); err != nil || string(got) != "abc" {
			t.Errorf("%s: got %q, error %v, want abc", kind, got, err)
		}
	}
}

// stream opens a stream of the contender.
func stream(t *testing.T, e contender.Entry, mode contender.Mode) contender.Stream {
	t.Helper()
	client, ok := open(t, e, start(t, e.Server)).(contender.Streaming)
	if !ok {
		t.Fatalf("%s has no streams", e.Name)
	}
	s, err := client.Open(t.Context(), mode)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPingPong(t *testing.T) {
	for _, e := range contender.Table(contender.Streams) {
		t.Run(e.Name, func(t *testing.T) {
			s := stream(t, e, contender.PingPong)
			for n, size := range []int{64, 1024, 64} {
				want, got := message(t, uint64(n+1), size), new(echo.Message)
				if err := errors.Join(s.Send(want), s.Recv(got), echo.Check(want, got)); err != nil {
					t.Errorf("%d bytes: got %v, want the answer", size, err)
				}
			}
			if err := s.CloseSend(); err != nil {
				t.Fatal(err)
			}
			if err := s.Recv(new(echo.Message)); !errors.Is(err, io.EOF) {
				t.Errorf("got %v, want io.EOF", err)
			}
		})
	}
}

func TestOneWay(t *testing.T) {
	for _, e := range contender.Table(contender.Streams) {
		t.Run(e.Name, func(t *testing.T) {
			s := stream(t, e, contender.OneWay)
			for n := range uint64(100) {
				if err := s.Send(message(t, n+1, 1024)); err != nil {
					t.Fatal(err)
				}
			}
			got := new(echo.Message)
			if err := errors.Join(s.CloseSend(), s.Recv(got)); err != nil || got.GetNumber() != 100 {
				t.Errorf("got %d, error %v, want 100", got.GetNumber(), err)
			}
		})
	}
}

func TestSilentServersCountAndDoNotAnswer(t *testing.T) {
	for _, e := range contender.Table(contender.Memory) {
		t.Run(e.Name, func(t *testing.T) {
			s, err := server.Start(e.Server)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			caller, err := open(t, e, s.Address()).Caller(0)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
			defer cancel()
			if err := caller.Call(ctx, message(t, 1, 64), new(echo.Message)); err == nil {
				t.Error("got no error, want one")
			}
			if got := s.Requests(); got < 1 {
				t.Errorf("got %d requests, want the one", got)
			}
		})
	}
}
