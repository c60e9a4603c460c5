// SPDX-License-Identifier: Apache-2.0

package gob_test

import (
	"bytes"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/gob"
)

// canned is a connection to a peer that has sent everything already.
type canned struct {
	net.Conn
	in  io.Reader
	out bytes.Buffer
}

func (c *canned) Read(p []byte) (int, error)     { return c.in.Read(p) }
func (c *canned) Write(p []byte) (int, error)    { return c.out.Write(p) }
func (*canned) SetReadDeadline(time.Time) error  { return nil }
func (*canned) SetWriteDeadline(time.Time) error { return nil }
func (*canned) RemoteAddr() net.Addr             { return nil }

// FuzzRecv receives any bytes. A received message can be sent and is received again
// unchanged, and the memory is bounded by a multiple of the received bytes.
func FuzzRecv(f *testing.F) {
	for _, name := range captures {
		f.Add(fixture(f, name+".request"))
		f.Add(fixture(f, name+".response"))
	}
	f.Add(encoded(f, rich{Header: map[string]string{"a": "b"}, Body: []byte("x"), ByName: map[string]inner{"x": {}}}))
	f.Add(encoded(f, turned{Body: []byte("x")}))
	f.Add([]byte("\xfc\x00\x3f\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		o := gob.Options{MaxMessage: 1 << 20}
		c := gob.New(&canned{in: bytes.NewReader(b)}, o)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var m transport.Message
		var all []*transport.Message
		for c.Recv(&m) == nil {
			if len(all) < 16 {
				all = append(all, &transport.Message{Header: m.Header.Clone(), Body: bytes.Clone(m.Body)})
			}
		}
		runtime.ReadMemStats(&after)
		// 32 bytes for a field of two bytes, the same for the copies above, the first
		// read of a segment, and the memory of a connection.
		if got, limit := after.TotalAlloc-before.TotalAlloc, uint64(256*len(b)+256<<10); got > limit {
			t.Errorf("got %d bytes allocated for %d, want at most %d", got, len(b), limit)
		}
		again(t, all, o)
	})
}

func again(t *testing.T, all []*transport.Message, o gob.Options) {
	t.Helper()
	var wire canned
	c := gob.New(&wire, o)
	for _, m := range all {
		if err := c.Send(m); err != nil {
			t.Fatal(err)
		}
	}
	back := gob.New(&canned{in: &wire.out}, o)
	for _, want := range all {
		var got transport.Message
		if err := back.Recv(&got); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Body, want.Body) {
			t.Errorf("got body %q, want %q", got.Body, want.Body)
		}
		for _, f := range got.Header {
			if v := want.Header.Get(f.Name); v != f.Value {
				t.Errorf("got %q for %q, want %q", f.Value, f.Name, v)
			}
		}
	}
}
