// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"example.com/mailcall/bench/internal/server"
	"example.com/mailcall/bench/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, kind string) (server.Server, net.Conn) {
	t.Helper()
	s, err := server.Start(kind)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: got %v, want no error", err)
		}
	})
	c, err := net.Dial("tcp", s.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return s, c
}

func request(t *testing.T, size int) (raw, body []byte) {
	t.Helper()
	value, err := wire.Value(size)
	if err != nil {
		t.Fatal(err)
	}
	body, err = proto.Marshal(&wrapperspb.BytesValue{Value: value})
	if err != nil {
		t.Fatal(err)
	}
	return append(wire.AppendHead(nil, "h", 0, len(body)), body...), body
}

func TestEchoAnswersTheSameBytes(t *testing.T) {
	for _, kind := range []string{server.Minimal, server.Greeter} {
		t.Run(kind, func(t *testing.T) {
			_, c := start(t, kind)
			in := bufio.NewReader(c)
			for _, size := range []int{64, 1024, 100_000} {
				raw, want := request(t, size)
				for _, part := range [][]byte{raw[:10], raw[10:]} {
					if _, err := c.Write(part); err != nil {
						t.Fatal(err)
					}
				}
				r, err := http.ReadResponse(in, nil)
				if err != nil {
					t.Fatalf("size %d: got %v, want a reply", size, err)
				}
				got, err := io.ReadAll(r.Body)
				if err != nil || !bytes.HasSuffix(got, want[len(want)-size/2:]) {
					t.Errorf("size %d: got %d bytes, error %v, want the value sent", size, len(got), err)
				}
				if ct := r.Header.Get("Content-Type"); r.StatusCode != 200 || ct != wire.ContentType {
					t.Errorf("got status %d, type %q, want 200, %q", r.StatusCode, ct, wire.ContentType)
				}
			}
		})
	}
}

func TestGreeterReportsErrorsInTheHeader(t *testing.T) {
	_, c := start(t, server.Greeter)
	raw, _ := request(t, 64)
	raw = bytes.ReplaceAll(raw, []byte(wire.Endpoint), []byte("Greeter.Nopes"))
	if _, err := c.Write(raw); err != nil {
		t.Fatal(err)
	}
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Header.Get(wire.HeaderError); r.StatusCode != 200 || !strings.Contains(got, "Nopes") {
		t.Errorf("got status %d, Micro-Error %q, want 200 and the endpoint's name", r.StatusCode, got)
	}
}

func TestSilentCounts(t *testing.T) {
	s, c := start(t, server.Silent)
	raw, _ := request(t, 64)
	if _, err := c.Write(append(raw, raw...)); err != nil {
		t.Fatal(err)
	}
	for s.Requests() < 2 {
		runtime.Gosched()
	}
}

func TestBrokenRequestEndsTheConnection(t *testing.T) {
	_, c := start(t, server.Minimal)
	if _, err := c.Write([]byte("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 1)); err == nil {
		t.Errorf("got %d bytes, want the end", n)
	}
}

func TestUnknownKind(t *testing.T) {
	if _, err := server.Start("other"); err == nil {
		t.Error("got no error, want one")
	}
}
