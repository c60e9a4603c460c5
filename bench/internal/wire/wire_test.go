// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"example.com/mailcall/bench/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestValueHasTheSizeAskedFor(t *testing.T) {
	for _, size := range []int{3, 64, 129, 131, 1024, 16386, 16388, 1 << 20} {
		value, err := wire.Value(size)
		if err != nil {
			t.Fatalf("size %d: got error %v, want none", size, err)
		}
		if got := proto.Size(&wrapperspb.BytesValue{Value: value}); got != size {
			t.Errorf("got %d encoded bytes, want %d", got, size)
		}
	}
	for _, size := range []int{-1, 0, 2, 130, 16387, wire.MaxBody + 1} {
		if _, err := wire.Value(size); err == nil {
			t.Errorf("size %d: got no error, want one", size)
		}
	}
}

func TestHeadIsReadByTheStandardLibrary(t *testing.T) {
	raw := append(wire.AppendHead(nil, "127.0.0.1:80", 7, 4), "body"...)
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		t.Fatalf("got error %v, want none", err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || string(body) != "body" {
		t.Errorf("got body %q, error %v, want %q", body, err, "body")
	}
	if r.Method != "POST" || r.URL.Path != "/" || r.Host != "127.0.0.1:80" {
		t.Errorf("got %s %s host %s, want POST / host 127.0.0.1:80", r.Method, r.URL, r.Host)
	}
	if got, want := len(r.Header), len(wire.Fields())+2; got != want { // Micro-Id, Content-Length
		t.Errorf("got %d fields %v, want %d", got, r.Header, want)
	}
	if got := r.Header.Get(wire.HeaderID); got != "7" {
		t.Errorf("got id %q, want 7", got)
	}
}

func TestParseReply(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	for name, c := range map[string]struct {
		in    string
		reply wire.Reply
		n     int
		err   error
	}{
		"whole": {in: string(wire.AppendReply(nil, []byte("abc"))), n: 77, reply: wire.Reply{
			ContentType: []byte(wire.ContentType), Body: []byte("abc")}},
		"more behind it": {in: ok + "content-length:1\r\n\r\nxHTTP", n: 38, reply: wire.Reply{Body: []byte("x")}},
		"error field":    {in: ok + "Micro-Error: no\r\nContent-Length: 0\r\n\r\n", n: 55, reply: wire.Reply{Error: []byte("no")}},
		"empty":          {},
		"half a head":    {in: ok + "Content-Le"},
		"half a body":    {in: ok + "Content-Length: 5\r\n\r\nabc"},
		"other status":   {in: "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", err: wire.ErrHead},
		"no length":      {in: ok + "A: b\r\n\r\n", err: wire.ErrHead},
		"bad length":     {in: ok + "Content-Length: -1\r\n\r\n", err: wire.ErrHead},
		"huge length":    {in: ok + "Content-Length: 4194305\r\n\r\n", err: wire.ErrTooLarge},
		"huge head":      {in: ok + strings.Repeat("a", wire.MaxHead), err: wire.ErrHead},
	} {
		t.Run(name, func(t *testing.T) {
			reply, n, err := wire.ParseReply([]byte(c.in))
			if n != c.n || !errors.Is(err, c.err) {
				t.Fatalf("got %d bytes, error %v, want %d, %v", n, err, c.n, c.err)
			}
			if c.n > 0 && (!bytes.Equal(reply.Body, c.reply.Body) || !bytes.Equal(reply.Error, c.reply.Error) ||
				!bytes.Equal(reply.ContentType, c.reply.ContentType)) {
				t.Errorf("got %q, want %q", reply, c.reply)
			}
		})
	}
}

func TestParseRequestAtEveryLength(t *testing.T) {
	whole := append(wire.AppendHead(nil, "h", 1, 3), "abc"...)
	for i := range whole {
		if _, n, err := wire.ParseRequest(whole[:i]); n != 0 || err != nil {
			t.Fatalf("%d of %d bytes: got %d, error %v, want 0, none", i, len(whole), n, err)
		}
	}
	body, n, err := wire.ParseRequest(append(whole, whole...))
	if string(body) != "abc" || n != len(whole) || err != nil {
		t.Errorf("got body %q, %d bytes, error %v, want abc, %d, none", body, n, err, len(whole))
	}
}

func FuzzParseReply(f *testing.F) {
	f.Add(wire.AppendReply(nil, []byte("abc")))
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 200\r\n:\r\n\r\n\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, n, err := wire.ParseReply(data)
		if n < 0 || n > len(data) || err != nil && n != 0 || len(r.Body) > n {
			t.Errorf("got %d of %d bytes, body of %d, error %v", n, len(data), len(r.Body), err)
		}
	})
}

func FuzzParseRequest(f *testing.F) {
	f.Add(append(wire.AppendHead(nil, "h", 1, 3), "abc"...))
	f.Add([]byte("POST / HTTP/1.1\r\nC\r\n\n\r\n\r\n"))
	f.Add([]byte("c\n\nContent-Length:1\r\n\r\nx"))
	f.Fuzz(func(t *testing.T, data []byte) {
		body, n, err := wire.ParseRequest(data)
		if n < 0 || n > len(data) || err != nil && n != 0 || len(body) > n {
			t.Errorf("got %d of %d bytes, body of %d, error %v", n, len(data), len(body), err)
		}
	})
}
