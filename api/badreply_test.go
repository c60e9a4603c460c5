// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// What becomes of the connection of a bad reply.
const (
	kept    = 1
	dropped = 2
)

// reply renders an HTTP response with a length of its own.
func reply(body string, fields ...string) []byte {
	head := append([]string{"HTTP/1.1 200 OK", fmt.Sprintf("Content-Length: %d", len(body))}, fields...)
	return []byte(strings.Join(head, "\r\n") + "\r\n\r\n" + body)
}

const isJSON = "Content-Type: application/json"

type badReply struct {
	name  string
	fault mailcalltest.Fault
	conns int // kept or dropped
	phase rpcerr.Phase
	proof rpcerr.Proof
	code  int32
	want  error
	word  string
}

func badReplies() []badReply {
	raw := func(lines ...string) mailcalltest.Fault {
		return mailcalltest.Garbage([]byte(strings.Join(lines, "\r\n")))
	}
	bytes := mailcalltest.Garbage
	const wait, decode = rpcerr.PhaseWait, rpcerr.PhaseDecode
	const unknown, executed = rpcerr.SentUnknown, rpcerr.Executed
	ok := "HTTP/1.1 200 OK"
	return []badReply{
		{"no HTTP", raw("SSH-2.0-OpenSSH_9.6", "", ""), dropped, wait, unknown, 500, transport.ErrProtocol, "protocol"},
		{"binary", bytes([]byte("\x16\x03\x01\x00\xff\r\n\r\n")), dropped, wait, unknown, 500, transport.ErrProtocol, "protocol"},
		{"closed in place of an answer", mailcalltest.Close(), dropped, wait, unknown, 500, io.EOF, "EOF"},
		{"cut in the header", mailcalltest.Truncate(20), dropped, wait, unknown, 500, io.ErrUnexpectedEOF, "EOF"},
		{"cut in the body", bytes([]byte(ok + "\r\nContent-Length: 10\r\nConnection: close\r\n\r\nabc")), dropped, wait, unknown, 408, rpcerr.ErrAttemptTimeout, "AttemptTimeout"},
		{"reset in the header", mailcalltest.Reset(20), dropped, wait, unknown, 500, syscall.ECONNRESET, "reset"},
		{"two lengths", raw(ok, "Content-Length: 2", "Content-Length: 3", isJSON, "", "{}"), dropped, wait, unknown, 500, transport.ErrProtocol, "ength"},
		{"length and chunks", raw(ok, "Content-Length: 2", "Transfer-Encoding: chunked", isJSON, "", "{}"), dropped, wait, unknown, 500, transport.ErrProtocol, "protocol"},
		{"length that is none", raw(ok, "Content-Length: -1", isJSON, "", ""), dropped, wait, unknown, 500, transport.ErrProtocol, "ength"},
		{"chunk of 2^72", raw(ok, "Transfer-Encoding: chunked", isJSON, "", "ffffffffffffffffff", "{}"), dropped, wait, executed, 500, rpcerr.ErrMessageTooLarge, "chunk"},
		{"chunks over the limit", raw(ok, "Transfer-Encoding: chunked", isJSON, "", "7fffffff", "{}"), dropped, wait, executed, 500, rpcerr.ErrMessageTooLarge, "limit"},
		{"body over the limit", raw(ok, "Content-Length: 5000000", isJSON, "", ""), dropped, wait, executed, 500, rpcerr.ErrMessageTooLarge, "limit"},
		{"header of a megabyte", raw(ok, "X: "+strings.Repeat("x", 1<<20), "", ""), dropped, wait, executed, 500, rpcerr.ErrMessageTooLarge, "limit"},
		{"error that is no JSON", bytes(reply("", "Micro-Error: it rains")), kept, decode, executed, 0, nil, "it rains"},
		{"error that is half JSON", bytes(reply("", `Micro-Error: {"id":"x",`)), kept, decode, executed, 0, nil, `{"id":"x",`},
		{"error with a code of no sense", bytes(reply("", `Micro-Error: {"code":-7,"detail":"d"}`)), kept, decode, executed, -7, nil, "d"},
		{"error beside a body", bytes(reply(`{"greeting":"no"}`, isJSON, "Micro-Error: both")), kept, decode, executed, 0, nil, "both"},
		{"wrong content type", bytes(reply("<html>", "Content-Type: text/html")), kept, decode, executed, 500, nil, "text/html"},
		{"no content type", bytes(reply("{}")), kept, decode, executed, 500, nil, "content type"},
		{"empty under JSON", bytes(reply("", isJSON)), kept, decode, executed, 500, nil, "decode"},
		{"broken JSON", bytes(reply("{", isJSON)), kept, decode, executed, 500, nil, "decode"},
		{"other JSON", bytes(reply(`["a"]`, isJSON)), kept, decode, executed, 500, nil, "decode"},
		{"compressed JSON", bytes(reply("\x1f\x8b\x08", isJSON, "Content-Encoding: gzip")), kept, decode, executed, 500, nil, `content encoding is \"gzip\"`},
		{"proxy", mailcalltest.HTTPStatus(502), kept, wait, unknown, 500, nil, "502 Bad Gateway"},
		{"proxy that closes", raw("HTTP/1.1 503 Slow Down", "Connection: close", "Content-Length: 0", "", ""), dropped, wait, unknown, 500, nil, "503 Slow Down"},
	}
}

// Whatever a server answers, the caller gets one clear error, at once and from
// one attempt, and the next call works.
func TestBadReplies(t *testing.T) {
	for _, tc := range badReplies() {
		t.Run(tc.name, func(t *testing.T) {
			server := mailcalltest.Start(t, mailcalltest.WithScript(mailcalltest.Script{tc.fault}))
			opts := []api.Option{api.WithAddress(server.Address()), api.WithDefaultContentType("application/json")}
			if errors.Is(tc.want, rpcerr.ErrAttemptTimeout) {
				opts = append(opts, api.WithAttemptTimeout(shortly))
			}
			c := start(t, opts...)
			rsp := &greet.HelloReply{Greeting: "untouched"}
			err := c.Call(within(t), c.NewRequest("greeter", hello, &greet.HelloRequest{Name: "Ann"}), rsp)
			if err == nil || tc.want != nil && !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			a, n := last(t, err)
			if n != 1 || a.Phase != tc.phase || a.Proof != tc.proof {
				t.Errorf("got %d attempts, phase %s and proof %s, want 1, %s and %s", n, a.Phase, a.Proof, tc.phase, tc.proof)
			}
			if got := rpcerr.From(err).Code; got != tc.code {
				t.Errorf("got code %d, want %d", got, tc.code)
			}
			if !strings.Contains(err.Error(), tc.word) {
				t.Errorf("got %q, want it to name %q", err, tc.word)
			}
			if tc.phase != rpcerr.PhaseDecode && rsp.GetGreeting() != "untouched" {
				t.Errorf("got reply %q, want it untouched", rsp.GetGreeting())
			}
			if err := greetAnn(within(t), c); err != nil {
				t.Errorf("afterwards: %v", err)
			}
			if got := server.Connections(); got != tc.conns {
				t.Errorf("got %d connections for two calls, want %d", got, tc.conns)
			}
		})
	}
}

// Bytes after the answer are nobody's: the answer counts, the connection is
// not used again.
func TestBytesAfterTheReply(t *testing.T) {
	more := append(reply(`{"greeting":"Hello Ann"}`, isJSON), "HTTP/1.1 200 OK\r\n"...)
	server := mailcalltest.Start(t, mailcalltest.WithScript(mailcalltest.Script{mailcalltest.Garbage(more)}))
	c := start(t, api.WithAddress(server.Address()), api.WithDefaultContentType("application/json"))
	for range 2 {
		if err := greetAnn(within(t), c); err != nil {
			t.Fatal(err)
		}
	}
	if got := server.Connections(); got != 2 {
		t.Errorf("got %d connections, want 2", got)
	}
}
