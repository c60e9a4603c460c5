// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http/internal/wire"
)

var limits = wire.Limits{Header: 4 << 10, Message: 1 << 20}

func reply(body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\nA: b\r\n\r\n%s", len(body), body)
}

func chunked(size int, body string) string {
	var b strings.Builder
	b.WriteString("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
	for len(body) > 0 {
		n := min(size, len(body))
		fmt.Fprintf(&b, "%x\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	return b.String() + "0\r\n\r\n"
}

// next reads one message.
func next(r *wire.Reader) (string, error) {
	h, err := r.ReadHead()
	if err != nil {
		return "", err
	}
	body, err := r.ReadBody(h)
	return string(body), err
}

// TestSizes reads messages of all sizes in a row, whole and in pieces, so that
// the buffer grows, moves, is given away and shrinks.
func TestSizes(t *testing.T) {
	var stream strings.Builder
	var want []string
	for _, n := range []int{0, 1, 900, 1024, 5000, 64 << 10, 100_000, 300_000, 1 << 20, 3, 70_000} {
		body := strings.Repeat("0123456789", n/10+1)[:n]
		stream.WriteString(reply(body) + chunked(1000, body) + chunked(1<<20, body))
		want = append(want, body, body, body)
		if n < 6000 {
			stream.WriteString(chunked(1, body))
			want = append(want, body)
		}
	}
	for range 40 { // long enough to shrink
		stream.WriteString(reply("x"))
		want = append(want, "x")
	}
	sources := map[string]func(io.Reader) io.Reader{
		"whole":     func(r io.Reader) io.Reader { return r },
		"bytes":     iotest.OneByteReader,
		"halves":    iotest.HalfReader,
		"with data": iotest.DataErrReader,
	}
	for name, source := range sources {
		t.Run(name, func(t *testing.T) {
			r := wire.NewReader(source(strings.NewReader(stream.String())), limits, false)
			for i, body := range want {
				if got, err := next(r); got != body || err != nil {
					t.Fatalf("message %d: got %d bytes, %v, want %d", i, len(got), err, len(body))
				}
			}
			if _, err := next(r); err != io.EOF {
				t.Errorf("got %v, want io.EOF", err)
			}
		})
	}
}

// TestAnnouncementsAllocateLittle sends lengths near the limit and nothing
// that belongs to them.
func TestAnnouncementsAllocateLittle(t *testing.T) {
	big := wire.Limits{Header: 1 << 30, Message: 1 << 30}
	for name, text := range map[string]string{
		"length": "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\nx",
		"chunk":  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3b9aca00\r\nx",
		"head":   "HTTP/1.1 200 OK\r\nA: ",
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := next(wire.NewReader(strings.NewReader(text), big, false))
			runtime.ReadMemStats(&after)
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("got %v, want io.ErrUnexpectedEOF", err)
			}
			if got := after.TotalAlloc - before.TotalAlloc; got > 256<<10 {
				t.Errorf("got %d bytes allocated, want next to nothing", got)
			}
		})
	}
}

// TestChunkFramingIsBounded drowns a few bytes of body in extensions.
func TestChunkFramingIsBounded(t *testing.T) {
	flood := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1;"+strings.Repeat("x", 4000)+"\r\ny\r\n", 1000)
	if _, err := next(wire.NewReader(strings.NewReader(flood), limits, false)); !errors.Is(err, transport.ErrProtocol) {
		t.Errorf("got %v, want ErrProtocol", err)
	}
}

// TestBigHeadDoesNotStay reads one long head and then short ones.
func TestBigHeadDoesNotStay(t *testing.T) {
	long := "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + strings.Repeat("A: "+strings.Repeat("x", 100)+"\r\n", 300) + "\r\n"
	r := wire.NewReader(strings.NewReader(long+reply("x")+long+reply("y")), wire.Limits{Header: 64 << 10, Message: 10}, false)
	for _, want := range []string{"", "x", "", "y"} {
		got, err := next(r)
		if got != want || err != nil {
			t.Fatalf("got %q, %v, want %q", got, err, want)
		}
		if fields := len(r.Header()); fields != 300 && fields != 1 {
			t.Errorf("got %d fields, want 300 or 1", fields)
		}
	}
}

func TestNoProgress(t *testing.T) {
	r := wire.NewReader(readerFunc(func([]byte) (int, error) { return 0, nil }), limits, false)
	if _, err := next(r); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("got %v, want io.ErrNoProgress", err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

func BenchmarkRead(b *testing.B) {
	one := []byte(reply(strings.Repeat("x", 64)))
	src := bytes.NewReader(nil)
	r := wire.NewReader(src, limits, false)
	b.ReportAllocs()
	for b.Loop() {
		src.Reset(one)
		h, err := r.ReadHead()
		if err != nil {
			b.Fatal(err)
		}
		if _, err = r.ReadBody(h); err != nil {
			b.Fatal(err)
		}
	}
}
