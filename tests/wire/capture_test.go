// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"bufio"
	"bytes"
	"errors"
	"io/fs"
	"net"
	"testing"

	"example.com/mailcall/tests/wire"
)

// All captures load: their traces cover every byte in order.
func TestCapturesLoad(t *testing.T) {
	for prefix, want := range map[string]int{"http-": 48, "raw-": 28} {
		all := names(t, prefix)
		if len(all) != want {
			t.Errorf("got %d captures %s*, want %d", len(all), prefix, want)
		}
		for _, name := range all {
			if _, err := wire.Load(name); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := wire.Load("no-such-capture"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
}

func TestParseTrace(t *testing.T) {
	steps, err := wire.ParseTrace("conn=1 C>S off=0 len=296\n\nconn=2 S>C off=272 close\n")
	want := []wire.Step{{Conn: 1, Len: 296}, {Conn: 2, FromServer: true, Off: 272, Close: true}}
	if err != nil || len(steps) != 2 || steps[0] != want[0] || steps[1] != want[1] {
		t.Errorf("got %+v, %v, want %+v", steps, err, want)
	}
	for _, bad := range []string{"conn=1", "conn=x C>S off=0 len=1", "conn=1 X>Y off=0 len=1", "conn=1 C>S off=0 bytes=1"} {
		if steps, err := wire.ParseTrace(bad); err == nil {
			t.Errorf("got %+v for %q, want an error", steps, bad)
		}
	}
}

// The captured server gives a client that sends the captured bytes the
// captured answers, and has what was sent.
func TestCapturedServer(t *testing.T) {
	for _, name := range []string{
		"http-unary-json", "http-keepalive-two-calls", "http-keepalive-error-then-ok", "http-stream-bidi-json",
	} {
		t.Run(name, func(t *testing.T) {
			capture, err := wire.Load(name)
			if err != nil {
				t.Fatal(err)
			}
			server, err := wire.Serve(capture)
			if err != nil {
				t.Fatal(err)
			}
			session, err := capture.Replay(func() (net.Conn, error) { return net.Dial("tcp", server.Address()) })
			if err != nil {
				t.Error(err)
			}
			for _, conn := range session.Conns {
				drain(t, conn)
			}
			session.Close()
			if err := server.Close(); err != nil {
				t.Error(err)
			}
			compare(t, session.Got, capture.Response)
			compare(t, bytes.Join(server.Sent(), nil), capture.Request)
		})
	}
}

// A client that ends in the midst of its request is told of.
func TestCapturedServerNamesShortRequest(t *testing.T) {
	capture, err := wire.Load("http-unary-json")
	if err != nil {
		t.Fatal(err)
	}
	server, err := wire.Serve(capture)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", server.Address())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(capture.Request[:100]); err != nil {
		t.Fatal(err)
	}
	drain(t, conn)
	_ = conn.Close()
	if err := server.Close(); err == nil {
		t.Error("got no error, want one that names the short request")
	}
	if got := bytes.Join(server.Sent(), nil); !bytes.Equal(got, capture.Request[:100]) {
		t.Errorf("got %q sent, want %q", got, capture.Request[:100])
	}
}

func FuzzReadMessage(f *testing.F) {
	f.Add([]byte("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"))
	f.Add([]byte("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, _ := wire.ReadMessage(bufio.NewReader(bytes.NewReader(data)))
		if !bytes.HasPrefix(data, m) {
			t.Errorf("got %q, want a prefix of %q", m, data)
		}
	})
}
