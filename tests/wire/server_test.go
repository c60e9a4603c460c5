// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/tests/wire"
)

// patience bounds reads from a server that hangs.
const patience = 10 * time.Second

// Every request captured from a go-micro client gets from the greeter the
// bytes that go-micro's server sent, and nothing after them. One capture
// cannot be met so: in http-stream-server-firstbody the client was gone before
// the answer (see TestFirstBodyIsDropped). The captures of timeouts have no
// answer; there the server must drop its work when the client ends.
func TestGreeterMeetsCaptures(t *testing.T) {
	for _, name := range names(t, "http-") {
		if name == firstBody {
			continue
		}
		t.Run(name, func(t *testing.T) {
			capture, session := replay(t, name)
			compare(t, session.Got, capture.Response)
			for number, conn := range session.Conns {
				if rest := drain(t, conn); len(rest) > 0 {
					t.Errorf("got %q after the answer on connection %d, want nothing", rest, number)
				}
			}
		})
	}
}

const firstBody = "http-stream-server-firstbody"

// The opening body of a stream is thrown away, so the handler meets the
// client's end of stream at once and fails with it. The captured response is
// empty because the client had closed by then; this replay has not.
func TestFirstBodyIsDropped(t *testing.T) {
	_, session := replay(t, firstBody)
	answer, err := wire.ReadMessage(wire.NewReader(session.Conns[1]))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(answer, []byte("\r\nMicro-Error: EOF\r\n")) {
		t.Errorf("got %q, want the error EOF", answer)
	}
}

// The requests made by hand: the same bytes, and the same fate of the
// connection.
func TestGreeterMeetsRawRequests(t *testing.T) {
	closed := map[string]bool{
		"raw-halfclose-after-request": true, // closed by the half close
		"raw-eos-first":               true,
		"raw-connection-close":        true,
	}
	for _, name := range names(t, "raw-") {
		t.Run(name, func(t *testing.T) {
			capture, session := replay(t, name)
			compare(t, session.Got, capture.Response)
			conn := session.Conns[1]
			if !closed[name] {
				probe(t, conn)
			} else if rest := ended(t, conn, name == "raw-halfclose-after-request"); len(rest) > 0 {
				t.Errorf("got %q after the answer, want nothing", rest)
			}
		})
	}
}

// Bytes sent one at a time mean the same.
func TestGreeterMeetsSlicedRequest(t *testing.T) {
	capture, err := wire.Load("http-unary-json")
	if err != nil {
		t.Fatal(err)
	}
	var steps []wire.Step
	for off := range len(capture.Request) {
		steps = append(steps, wire.Step{Conn: 1, Off: off, Len: 1})
	}
	capture.Steps = append(steps, wire.Step{Conn: 1, FromServer: true, Len: len(capture.Response)})
	session, err := capture.Replay(dialer(mailcalltest.Start(t)))
	if err != nil {
		t.Fatal(err)
	}
	session.Close()
	compare(t, session.Got, capture.Response)
}

func names(t *testing.T, prefix string) []string {
	t.Helper()
	all, err := wire.Names(prefix)
	if err != nil || len(all) == 0 {
		t.Fatalf("got %d captures %s*, error %v", len(all), prefix, err)
	}
	return all
}

func dialer(server *mailcalltest.Responder) func() (net.Conn, error) {
	return func() (net.Conn, error) { return net.Dial("tcp", server.Address()) }
}

// replay plays a capture against a greeter of its own.
func replay(t *testing.T, name string) (*wire.Capture, *wire.Session) {
	t.Helper()
	capture, err := wire.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	session, err := capture.Replay(dialer(mailcalltest.Start(t)))
	t.Cleanup(session.Close)
	if err != nil {
		t.Errorf("cannot replay: %v", err)
	}
	return capture, session
}

// compare shows the first line that differs.
func compare(t *testing.T, got, want []byte) {
	t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	g, w := strings.SplitAfter(string(got), "\n"), strings.SplitAfter(string(want), "\n")
	for i := range max(len(g), len(w)) {
		var have, expected string
		if i < len(g) {
			have = g[i]
		}
		if i < len(w) {
			expected = w[i]
		}
		if have != expected {
			t.Errorf("got line %d %q, want %q\nall of it: %q", i+1, have, expected, got)
			return
		}
	}
}

// drain ends the client's half and returns what the server still sends.
func drain(t *testing.T, conn net.Conn) []byte {
	t.Helper()
	return ended(t, conn, true)
}

func ended(t *testing.T, conn net.Conn, half bool) []byte {
	t.Helper()
	if tcp, ok := conn.(*net.TCPConn); ok && half {
		if err := tcp.CloseWrite(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Logf("half close: %v", err) // the server may have been first
		}
	}
	limit(t, conn)
	rest, err := io.ReadAll(io.LimitReader(conn, 1<<20))
	if err != nil {
		t.Errorf("got %v, want the end of the connection", err)
	}
	return rest
}

// probe shows that the connection lives and that nothing came after the
// answer: one more call is answered, and by the very next bytes. It is a call
// under a stream id of its own, because a swallowed call may leave the
// connection busy.
func probe(t *testing.T, conn net.Conn) {
	t.Helper()
	limit(t, conn)
	body := `{"name":"probe"}`
	_, err := fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nMicro-Endpoint: Greeter.Hello\r\n"+
		"Content-Type: application/json\r\nMicro-Stream: probe\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := wire.ReadMessage(wire.NewReader(conn))
	if err != nil {
		t.Fatalf("got %q and %v, want an answer: the connection stays open", answer, err)
	}
	if want := "{\"greeting\":\"Hello probe\"}\n"; !strings.HasSuffix(string(answer), "\r\n\r\n"+want) {
		t.Errorf("got %q, want the body %q", answer, want)
	}
}

func limit(t *testing.T, conn net.Conn) {
	t.Helper()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
}
