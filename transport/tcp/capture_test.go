// SPDX-License-Identifier: Apache-2.0

package tcp_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp"
	"example.com/mailcall/transport/tcp/internal/frame"
)

var update = flag.Bool("update", false, "write the captures anew")

// tape records the bytes of a connection in both directions.
type tape struct {
	net.Conn

	mu      sync.Mutex
	out, in bytes.Buffer
}

func (r *tape) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.mu.Lock()
	r.in.Write(p[:n])
	r.mu.Unlock()
	return n, err
}

func (r *tape) Write(p []byte) (int, error) {
	r.mu.Lock()
	r.out.Write(p)
	r.mu.Unlock()
	return r.Conn.Write(p)
}

func (r *tape) recorded() (out, in []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Clone(r.out.Bytes()), bytes.Clone(r.in.Bytes())
}

// hello is the call of the captures, and of docs/protocol.md.
func hello(id int) *transport.Message {
	return &transport.Message{
		Header: transport.Header{
			{Name: "Accept", Value: "application/json"}, {Name: "Content-Type", Value: "application/json"},
			{Name: "Micro-Service", Value: "greeter"}, {Name: "Micro-Method", Value: "Greeter.Hello"}, {Name: "Micro-Endpoint", Value: "Greeter.Hello"},
			{Name: "Micro-ID", Value: fmt.Sprint(id)}, {Name: "Timeout", Value: "5000000000"},
		},
		Body: []byte(`{"name":"Ann"}`),
	}
}

// greet answers the calls of the captures.
func greet(x transport.Incoming) {
	answer := &transport.Message{
		Header: transport.Header{{Name: "Content-Type", Value: "application/json"}},
		Body:   []byte(`{"greeting":"Hello Ann"}`),
	}
	if x.Unary() {
		var m transport.Message
		switch _ = x.Recv(&m); {
		case bytes.Contains(m.Body, []byte("busy")):
			x.(tcp.Refuser).Refuse(tcp.Overloaded, 250*time.Millisecond, "busy")
		case len(m.Body) > 1<<10:
			_ = x.End(&m)
		default:
			_ = x.End(answer)
		}
		return
	}
	echoStream(x)
}

// scenarios make the exchanges of the captures; each waits until its exchanges have ended.
func scenarios() map[string]func(t *testing.T, c async) {
	call := func(t *testing.T, c async, m *transport.Message) delivered {
		t.Helper()
		box := make(mailbox, 1)
		if _, err := c.Begin(m, box, 1); err != nil {
			t.Fatal(err)
		}
		return box.next(t)
	}
	return map[string]func(t *testing.T, c async){
		"unary": func(t *testing.T, c async) {
			for n := range 3 {
				if d := call(t, c, hello(n+1)); d.err != nil || string(d.m.Body) != `{"greeting":"Hello Ann"}` {
					t.Errorf("got %q, %v", d.m.Body, d.err)
				}
			}
		},
		"large": func(t *testing.T, c async) {
			m := hello(1)
			m.Body = bytes.Repeat([]byte("x"), 40<<10)
			if d := call(t, c, m); d.err != nil || !bytes.Equal(d.m.Body, m.Body) {
				t.Errorf("got %d bytes, %v", len(d.m.Body), d.err)
			}
		},
		"refusal": func(t *testing.T, c async) {
			m := hello(1)
			m.Body = []byte("busy?")
			var reset *tcp.ResetError
			if d := call(t, c, m); !errors.As(d.err, &reset) || reset.Code != tcp.Overloaded || reset.RetryAfter != 250*time.Millisecond {
				t.Errorf("got %v", d.err)
			}
		},
		"stream": func(t *testing.T, c async) {
			s, err := c.Open(t.Context(), time.Time{}, hello(1))
			if err != nil {
				t.Fatal(err)
			}
			var m transport.Message
			for _, body := range []string{"one", "two"} {
				if err := s.Send(&transport.Message{Body: []byte(body)}); err != nil {
					t.Fatal(err)
				}
				if err := s.Recv(&m); err != nil || string(m.Body) != body {
					t.Errorf("got %q, %v", m.Body, err)
				}
			}
			if err := s.CloseSend(); err != nil {
				t.Error(err)
			}
			if err := s.Recv(&m); !errors.Is(err, io.EOF) {
				t.Errorf("got %v, want io.EOF", err)
			}
		},
		"cancel": func(t *testing.T, c async) {
			s, err := c.Open(t.Context(), time.Time{}, hello(1))
			if err != nil {
				t.Fatal(err)
			}
			_ = s.Close()
			if d := call(t, c, hello(2)); d.err != nil {
				t.Error(d.err)
			}
		},
	}
}

func captureOptions() []tcp.Option {
	return []tcp.Option{tcp.WithMaxFrame(16 << 10), tcp.WithMaxExchanges(100), tcp.WithWire(tcp.Own)}
}

// Client and server send the bytes of the captures, in both directions.
func TestCaptures(t *testing.T) {
	for name, scenario := range scenarios() {
		t.Run(name, func(t *testing.T) {
			var record *tape
			client := newTransport(t, append(captureOptions(), tcp.WithDialer(func(ctx context.Context, network, address string) (net.Conn, error) {
				c, err := new(net.Dialer).DialContext(ctx, network, address)
				record = &tape{Conn: c}
				return record, err
			}))...)
			scenario(t, dial(t, client, listen(t, newTransport(t, captureOptions()...), greet)))
			out, in := record.recorded()
			path := filepath.Join("testdata", name+".txt")
			if *update {
				text := "# Frames of one connection: > from the client, < from the server.\n" + dump(t, '>', out) + dump(t, '<', in)
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			wantOut, wantIn := load(t, path)
			if !bytes.Equal(out, wantOut) {
				t.Errorf("got from the client\n%swant\n%s", dump(t, '>', out), dump(t, '>', wantOut))
			}
			if !bytes.Equal(in, wantIn) {
				t.Errorf("got from the server\n%swant\n%s", dump(t, '<', in), dump(t, '<', wantIn))
			}
		})
	}
}

// A client is tested with a server that replays a capture, and a server with such a client.
func TestReplay(t *testing.T) {
	for name, scenario := range scenarios() {
		t.Run(name, func(t *testing.T) {
			out, in := load(t, filepath.Join("testdata", name+".txt"))
			address := bareServer(t, func(c net.Conn) {
				preface := prefaceLength(in)
				if _, err := io.ReadFull(c, make([]byte, prefaceLength(out))); err != nil {
					return
				}
				_, _ = c.Write(in[:preface])
				play(c, out[prefaceLength(out):], in[preface:])
			})
			scenario(t, dial(t, newTransport(t, captureOptions()...), address))

			server, err := net.Dial("tcp", listen(t, newTransport(t, captureOptions()...), greet))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = server.Close() }()
			_ = server.SetDeadline(time.Now().Add(patience))
			got := make([]byte, len(in))
			ask(t, server, out, in, got)
			if !bytes.Equal(got, in) {
				t.Errorf("got\n%swant\n%s", dump(t, '<', got), dump(t, '<', in))
			}
		})
	}
}

// ask sends the frames of a client, and reads each answer into got before it continues.
func ask(t *testing.T, c net.Conn, out, in, got []byte) {
	t.Helper()
	read := 0
	take := func(n int) {
		t.Helper()
		if _, err := io.ReadFull(c, got[read:read+n]); err != nil {
			t.Fatal(err)
		}
		read += n
	}
	n := prefaceLength(out)
	_, _ = c.Write(out[:n])
	take(prefaceLength(in))
	for out = out[n:]; len(out) > 0; out = out[n:] {
		n = frameLength(out)
		_, _ = c.Write(out[:n])
		for speaks := answered(out); speaks && read < len(in); {
			answer := frame.ParseHeader(in[read:])
			take(frameLength(in[read:]))
			speaks = answer.Has(frame.FlagMore)
		}
	}
}

// answered reports whether the first frame of b has an answer.
func answered(b []byte) bool {
	h := frame.ParseHeader(b)
	return h.Type == frame.Message || h.Has(frame.FlagEnd)
}

// play answers the n-th exchange when its last frame has been received.
func play(c net.Conn, out, in []byte) {
	for len(out) > 0 {
		n := frameLength(out)
		speaks := answered(out)
		if _, err := io.ReadFull(c, make([]byte, n)); err != nil {
			return
		}
		out = out[n:]
		for speaks && len(in) > 0 {
			n := frameLength(in)
			answer := frame.ParseHeader(in)
			_, _ = c.Write(in[:n])
			in = in[n:]
			speaks = answer.Has(frame.FlagMore)
		}
	}
	_, _ = io.Copy(io.Discard, c)
}

func frameLength(b []byte) int { return frame.HeaderSize + int(frame.ParseHeader(b).Length) }

func prefaceLength(b []byte) int {
	_, n, err := frame.ParsePreface(b)
	if err != nil {
		return 0
	}
	return frame.PrefaceSize + n
}

// dump formats the preface and each frame as a line.
func dump(t *testing.T, mark byte, b []byte) string {
	t.Helper()
	var text strings.Builder
	line := func(what string, p []byte) {
		fmt.Fprintf(&text, "# %s\n", what)
		for len(p) > 0 {
			n := min(len(p), 64)
			fmt.Fprintf(&text, "%c %x\n", mark, p[:n])
			p = p[n:]
		}
	}
	n := prefaceLength(b)
	line("preface", b[:n])
	for b = b[n:]; len(b) >= frame.HeaderSize; b = b[n:] {
		h := frame.ParseHeader(b)
		n = min(frameLength(b), len(b))
		line(fmt.Sprintf("%s, flags %d, exchange %#x, head %d of %d bytes", h.Type, h.Flags, h.ID, h.Head, h.Length), b[:n])
	}
	return text.String()
}

func load(t *testing.T, path string) (out, in []byte) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		mark, digits, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || mark == "#" {
			continue
		}
		b, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatal(err)
		}
		if mark == ">" {
			out = append(out, b...)
		} else {
			in = append(in, b...)
		}
	}
	return out, in
}

// The annotated exchange of docs/protocol.md is the capture of unary calls.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "protocol.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "<!-- dump -->\n```\n")
	block, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatal("docs/protocol.md has no dump")
	}
	var out, in []byte
	for line := range strings.Lines(block) {
		mark, rest, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			continue
		}
		digits, _, _ := strings.Cut(rest, "|")
		b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		switch mark {
		case ">":
			out = append(out, b...)
		case "<":
			in = append(in, b...)
		}
	}
	wantOut, wantIn := load(t, filepath.Join("testdata", "unary.txt"))
	if !bytes.Equal(out, wantOut) {
		t.Errorf("the document has from the client\n% x\nwant\n% x", out, wantOut)
	}
	if !bytes.Equal(in, wantIn) {
		t.Errorf("the document has from the server\n% x\nwant\n% x", in, wantIn)
	}
}
