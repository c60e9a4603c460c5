// SPDX-License-Identifier: Apache-2.0

package contender_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"example.com/mailcall/bench/internal/contender"
	"example.com/mailcall/bench/internal/server"
	"example.com/mailcall/bench/internal/wire"
)

func TestMain(m *testing.M) {
	// fasthttp's background goroutines end only with the process.
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*HostClient).connsCleaner"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*TCPDialer).tcpAddrsClean"))
}

// each runs test for every HTTP contender, made for two callers.
func each(t *testing.T, address string, test func(t *testing.T, c contender.Caller)) {
	for _, e := range contender.Table(contender.Calls) {
		t.Run(e.Name, func(t *testing.T) {
			caller, err := open(t, e, address).Caller(0)
			if err != nil {
				t.Fatal(err)
			}
			test(t, caller)
		})
	}
}

// open makes the contender for two callers, and closes it at the end of the test.
func open(t *testing.T, e contender.Entry, address string) contender.Contender {
	t.Helper()
	client, err := e.New(contender.Config{Address: address, Callers: 2, CallTimeout: 5 * time.Second, Plain: e.Server != ""})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Errorf("close: got %v, want no error", err)
		}
	})
	return client
}

func start(t *testing.T, kind string) string {
	t.Helper()
	s, err := server.Start(kind)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s.Address()
}

func TestCallsAreAnswered(t *testing.T) {
	for _, kind := range []string{server.Minimal, server.Greeter} {
		t.Run(kind, func(t *testing.T) {
			each(t, start(t, kind), func(t *testing.T, c contender.Caller) {
				bounded, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				for i, size := range []int{10, 1000, 1000, 20_000, 5} {
					ctx := bounded
					if i%2 == 1 {
						ctx = t.Context()
					}
					want := strings.Repeat("x", size)
					rsp := new(wrapperspb.BytesValue)
					if err := c.Call(ctx, wrapperspb.Bytes([]byte(want)), rsp); err != nil {
						t.Fatalf("size %d: got %v, want no error", size, err)
					}
					if got := string(rsp.GetValue()); !strings.HasSuffix(got, want) {
						t.Errorf("got %d bytes, want %d", len(got), size)
					}
				}
			})
		})
	}
}

// seen is what a server sees of a request.
type seen struct {
	method, uri, host string
	length            int64
	chunked           bool
	header            http.Header
}

func TestAllSendTheSameRequest(t *testing.T) {
	var mu sync.Mutex
	var got seen
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		got = seen{r.Method, r.RequestURI, r.Host, r.ContentLength, len(r.TransferEncoding) > 0, r.Header.Clone()}
		w.Header().Set("Content-Type", wire.ContentType)
	}))
	defer s.Close()
	address := s.Listener.Addr().String()
	want := seen{"POST", "/", address, 64, false, http.Header{"Micro-Id": {"0"}, "Content-Length": {"64"}}}
	for _, f := range wire.Fields() {
		want.header[f.Name] = []string{f.Value}
	}
	value, err := wire.Value(64)
	if err != nil {
		t.Fatal(err)
	}
	each(t, address, func(t *testing.T, c contender.Caller) {
		if err := c.Call(t.Context(), wrapperspb.Bytes(value), new(wrapperspb.BytesValue)); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		defer mu.Unlock()
		relaxTimeout(got.header)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	})
}

// relaxTimeout rounds the Timeout field up to whole seconds: mailcall sends the
// remaining time, the others the whole timeout.
func relaxTimeout(h http.Header) {
	ns, err := strconv.ParseInt(h.Get("Timeout"), 10, 64)
	if err == nil {
		h.Set("Timeout", strconv.FormatInt(int64((time.Duration(ns)+time.Second-1).Truncate(time.Second)), 10))
	}
}

func TestFaultyAnswersAreErrors(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"Micro-Error":  func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Micro-Error", "it failed") },
		"Content-Type": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("plain")) },
		"500":          func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(answer)
			defer s.Close()
			each(t, s.Listener.Addr().String(), func(t *testing.T, c contender.Caller) {
				err := c.Call(t.Context(), wrapperspb.Bytes([]byte("x")), new(wrapperspb.BytesValue))
				if err == nil {
					t.Errorf("got no error, want one about %s", name)
				}
			})
		})
	}
}

func TestDeadlineOfTheContextEndsTheCall(t *testing.T) {
	each(t, start(t, server.Silent), func(t *testing.T, c contender.Caller) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if err := c.Call(ctx, wrapperspb.Bytes([]byte("x")), new(wrapperspb.BytesValue)); err == nil {
			t.Error("got no error, want one")
		}
	})
}

func TestTable(t *testing.T) {
	for _, s := range []contender.Scenario{contender.Calls, contender.RPC, contender.Streams, contender.Memory} {
		for _, name := range contender.Defaults(s) {
			if _, err := contender.Find(s, name); err != nil {
				t.Errorf("%s: got %v, want it found", name, err)
			}
		}
		if _, err := contender.Find(s, "other"); err == nil {
			t.Errorf("%s: got no error, want one", s)
		}
	}
	if slices.Contains(contender.Defaults(contender.Calls), "fasthttp-deadline") {
		t.Error("got a variant among the defaults, want none")
	}
	if len(contender.Table("other")) > 0 {
		t.Error("got contenders of an unknown scenario, want none")
	}
}
