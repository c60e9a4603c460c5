// SPDX-License-Identifier: Apache-2.0

package http_test

import (
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http"
)

const ok = "HTTP/1.1 200 OK\r\n"

// exchange sends one request and receives one reply.
func exchange(c transport.Conn, m *transport.Message) error {
	if err := c.Send(request("x")); err != nil {
		return err
	}
	return c.Recv(m)
}

func TestReplies(t *testing.T) {
	tests := map[string]struct {
		reply string
		body  string
		ready bool
	}{
		"content length":      {ok + "Content-Length: 2\r\n\r\nab", "ab", true},
		"empty":               {ok + "Content-Length: 0\r\n\r\n", "", true},
		"same length twice":   {ok + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nab", "ab", true},
		"chunked":             {ok + "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n02;x=\"y\"\r\nbc\r\n0\r\n\r\n", "abc", true},
		"chunked, trailers":   {ok + "transfer-encoding: Chunked\r\n\r\nA\r\n0123456789\r\n0\r\nX: y\r\nZ: 1\r\n\r\n", "0123456789", true},
		"no reason phrase":    {"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nab", "ab", true},
		"until close":         {ok + "\r\nabc", "abc", false},
		"connection close":    {ok + "Connection: foo, Close\r\nContent-Length: 2\r\n\r\nab", "ab", false},
		"http/1.0":            {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nab", "ab", false},
		"http/1.0 keep-alive": {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nab", "ab", true},
		"100 first":           {"HTTP/1.1 100 Continue\r\n\r\n" + ok + "Content-Length: 2\r\n\r\nab", "ab", true},
		"103 twice first":     {"HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 103 Early\r\n\r\n" + ok + "Content-Length: 2\r\n\r\nab", "ab", true},
		"unasked bytes":       {ok + "Content-Length: 2\r\n\r\nabHTTP/1.1 200", "ab", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			address := accept(t, func(c net.Conn) {
				answering(tt.reply)(half{c, strings.HasPrefix(name, "until")})
			})
			c := dial(t, newTransport(t), address)
			var m transport.Message
			if err := exchange(c, &m); err != nil {
				t.Fatal(err)
			}
			if string(m.Body) != tt.body {
				t.Errorf("got body %q, want %q", m.Body, tt.body)
			}
			if got := c.Ready(0); got != tt.ready {
				t.Errorf("got ready %v, want %v", got, tt.ready)
			}
			if _, found := m.Header.Lookup("Content-Length"); found {
				t.Error("got a Content-Length field, want framing fields left out")
			}
			_ = c.Close()
		})
	}
}

// half is a connection that closes its write side after the first write.
type half struct {
	net.Conn
	after bool
}

func (h half) Write(b []byte) (int, error) {
	n, err := h.Conn.Write(b)
	if h.after {
		_ = h.Conn.(*net.TCPConn).CloseWrite()
	}
	return n, err
}

func TestBrokenReplies(t *testing.T) {
	long := strings.Repeat("x", 2000)
	tests := map[string]struct {
		reply string
		want  error
	}{
		"garbage":               {"\x00\xff\x13garbage", transport.ErrProtocol},
		"one byte of garbage":   {"S", transport.ErrProtocol},
		"http/2":                {"HTTP/2.0 200 OK\r\n\r\n", transport.ErrProtocol},
		"bare LF":               {"HTTP/1.1 200 OK\nContent-Length: 0\n\n", transport.ErrProtocol},
		"bare CR in a value":    {ok + "A: x\ry\r\nContent-Length: 0\r\n\r\n", transport.ErrProtocol},
		"NUL in a value":        {ok + "A: x\x00y\r\nContent-Length: 0\r\n\r\n", transport.ErrProtocol},
		"folded line":           {ok + "A: x\r\n y\r\nContent-Length: 0\r\n\r\n", transport.ErrProtocol},
		"blank before colon":    {ok + "A : x\r\nContent-Length: 0\r\n\r\n", transport.ErrProtocol},
		"no colon":              {ok + "hello\r\nContent-Length: 0\r\n\r\n", transport.ErrProtocol},
		"bad status":            {"HTTP/1.1 2x0 OK\r\n\r\n", transport.ErrProtocol},
		"status 099":            {"HTTP/1.1 099 OK\r\n\r\n", transport.ErrProtocol},
		"101":                   {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", transport.ErrProtocol},
		"endless 100":           {strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 100), transport.ErrProtocol},
		"two lengths":           {ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", transport.ErrProtocol},
		"length list":           {ok + "Content-Length: 1, 1\r\n\r\na", transport.ErrProtocol},
		"negative length":       {ok + "Content-Length: -1\r\n\r\n", transport.ErrProtocol},
		"signed length":         {ok + "Content-Length: +1\r\n\r\na", transport.ErrProtocol},
		"empty length":          {ok + "Content-Length: \r\n\r\na", transport.ErrProtocol},
		"overflowing length":    {ok + "Content-Length: 99999999999999999999999\r\n\r\n", transport.ErrProtocol},
		"huge length":           {ok + "Content-Length: 999999999999999999\r\n\r\n", transport.ErrTooLarge},
		"length and chunks":     {ok + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", transport.ErrProtocol},
		"unknown encoding":      {ok + "Transfer-Encoding: gzip\r\n\r\n", transport.ErrProtocol},
		"chunked twice":         {ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", transport.ErrProtocol},
		"chunks in 1.0":         {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", transport.ErrProtocol},
		"chunk size overflow":   {ok + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n", transport.ErrTooLarge},
		"negative chunk":        {ok + "Transfer-Encoding: chunked\r\n\r\n-1\r\n", transport.ErrProtocol},
		"chunk of no size":      {ok + "Transfer-Encoding: chunked\r\n\r\n\r\n", transport.ErrProtocol},
		"chunk too long":        {ok + "Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n", transport.ErrProtocol},
		"chunk line bare LF":    {ok + "Transfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n", transport.ErrProtocol},
		"bad trailer":           {ok + "Transfer-Encoding: chunked\r\n\r\n0\r\nx y\r\n\r\n", transport.ErrProtocol},
		"chunks over the limit": {ok + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("400\r\n"+strings.Repeat("x", 1024)+"\r\n", 20), transport.ErrTooLarge},
		"head over the limit":   {ok + "A: " + long + "\r\n\r\n", transport.ErrTooLarge},
		"endless head":          {ok + strings.Repeat("A: b\r\n", 1000), transport.ErrTooLarge},
		"endless line":          {ok + strings.Repeat("A", 4000), transport.ErrTooLarge},
		"until close, too long": {ok + "\r\n" + strings.Repeat("x", 20_000), transport.ErrTooLarge},
		"head cut off":          {ok + "Content-", io.ErrUnexpectedEOF},
		"body cut off":          {ok + "Content-Length: 5\r\n\r\nab", io.ErrUnexpectedEOF},
		"chunk cut off":         {ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nab", io.ErrUnexpectedEOF},
		"cut off after 100":     {"HTTP/1.1 100 Continue\r\n\r\n", io.ErrUnexpectedEOF},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			cut := errors.Is(tt.want, io.ErrUnexpectedEOF)
			address := accept(t, func(c net.Conn) { answering(tt.reply)(half{c, cut}) })
			c := dial(t, newTransport(t, http.WithMaxHeader(1024), http.WithMaxMessage(16<<10)), address)
			err := exchange(c, new(transport.Message))
			if !errors.Is(err, tt.want) || err == io.EOF {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if c.Ready(0) {
				t.Error("got ready, want not ready after an error")
			}
			_ = c.Close()
		})
	}
}

func TestTooManyFields(t *testing.T) {
	address := accept(t, answering(ok+strings.Repeat("A: b\r\n", 2000)+"Content-Length: 0\r\n\r\n"))
	c := dial(t, newTransport(t), address)
	if err := exchange(c, new(transport.Message)); !errors.Is(err, transport.ErrProtocol) {
		t.Errorf("got %v, want ErrProtocol", err)
	}
	_ = c.Close()
}

func TestEndBeforeTheFirstByte(t *testing.T) {
	address := accept(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 4096))
	})
	c := dial(t, newTransport(t), address)
	if err := exchange(c, new(transport.Message)); err != io.EOF {
		t.Errorf("got %v, want io.EOF", err)
	}
}

func TestStatusError(t *testing.T) {
	body := strings.Repeat("y", 5000)
	address := accept(t, answering(
		"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 5\r\nRetry-After: 1\r\n\r\nsorry",
		"HTTP/1.1 404 \r\nContent-Length: 5000\r\n\r\n"+body,
		"HTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
		"HTTP/1.1 302 Found\r\nLocation: https://login.test/\r\nContent-Length: 0\r\n\r\n",
		ok+"Content-Length: 2\r\n\r\nab",
	))
	c := dial(t, newTransport(t), address)
	var m transport.Message
	for _, want := range []http.StatusError{
		{Code: 503, Status: "503 Service Unavailable", Body: "sorry", RetryAfter: time.Second},
		{Code: 404, Status: "404", Body: body[:4096]},
		{Code: 204, Status: "204 No Content"},
		{Code: 304, Status: "304 Not Modified"}, // the length is that of a body which is not sent
		{Code: 302, Status: "302 Found", Location: "https://login.test/"},
	} {
		err := exchange(c, &m)
		var got *http.StatusError
		if !errors.As(err, &got) || *got != want || errors.Is(err, transport.ErrProtocol) {
			t.Fatalf("got %v, want %v", err, &want)
		}
		if !c.Ready(0) {
			t.Fatal("got not ready, want ready after a complete message")
		}
	}
	if err := exchange(c, &m); err != nil || string(m.Body) != "ab" {
		t.Fatalf("got %v %q, want the next exchange to work", err, m.Body)
	}
	_ = c.Close()
}

func TestRetryAfter(t *testing.T) {
	for _, c := range []struct {
		fields string
		want   time.Duration
	}{
		{"Retry-After: 120\r\n", 2 * time.Minute},
		{"Retry-After: 0\r\n", 0},
		{"Retry-After: 86400\r\n", time.Hour},
		{"Retry-After: 99999999999999\r\n", 0},
		{"Retry-After: -1\r\n", 0},
		{"Retry-After: soon\r\n", 0},
		{"Date: Sun, 22 Nov 2026 10:00:00 GMT\r\nRetry-After: Sun, 22 Nov 2026 10:00:07 GMT\r\n", 7 * time.Second},
		{"Date: Sun, 22 Nov 2026 10:00:00 GMT\r\nRetry-After: Sun, 22 Nov 2026 09:00:00 GMT\r\n", 0},
		{"Retry-After: Sun, 22 Nov 2026 10:00:07 GMT\r\n", 0},
	} {
		address := accept(t, answering("HTTP/1.1 503 Busy\r\n"+c.fields+"Content-Length: 0\r\n\r\n"))
		conn := dial(t, newTransport(t), address)
		err := exchange(conn, new(transport.Message))
		if got := transport.PushbackOf(err); got != c.want {
			t.Errorf("%q: got %s, want %s", c.fields, got, c.want)
		}
		_ = conn.Close()
	}
}

// TestHeadersAreReusedButNotShared modifies a received header and checks that the next
// reply is not affected, while fields are added, removed and changed.
func TestHeadersAreReusedButNotShared(t *testing.T) {
	heads := []string{"A: 1\r\nB: 2\r\nC: 3\r\n", "A: 1\r\nB: 2\r\nC: 3\r\n", "A: 1\r\nMicro-Error: x\r\nB: 2\r\nC: 3\r\n", "A: 1\r\nC: 4\r\n", "a: 1\r\nb:2\r\nc:  \t3 \r\n", "A:\r\n"}
	want := []string{"A=1 B=2 C=3 ", "A=1 B=2 C=3 ", "A=1 Micro-Error=x B=2 C=3 ", "A=1 C=4 ", "A=1 B=2 C=3 ", "A= "}
	var replies []string
	for _, h := range heads {
		replies = append(replies, ok+h+"Content-Length: 1\r\n\r\nx")
	}
	c := dial(t, newTransport(t), accept(t, answering(replies...)))
	var got []string
	var m transport.Message
	for range heads {
		if err := exchange(c, &m); err != nil {
			t.Fatal(err)
		}
		text := ""
		for i, f := range m.Header {
			text += f.Name + "=" + f.Value + " "
			m.Header[i] = transport.Field{Name: "changed", Value: "changed"}
		}
		m.Header = append(m.Header, transport.Field{Name: "added"})
		m.Body[0] = 'Z'
		got = append(got, text)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	_ = c.Close()
}

// TestRunsOfMessages sends several messages and then receives several, byte by byte:
// requests and replies need not alternate.
func TestRunsOfMessages(t *testing.T) {
	address := accept(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 4096))
		for i := range 5 {
			for _, b := range []byte(ok + "Content-Length: 1\r\n\r\n" + string(rune('a'+i))) {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
			}
		}
		_, _ = io.Copy(io.Discard, c)
	})
	c := dial(t, newTransport(t), address)
	for range 3 {
		if err := c.Send(request("x")); err != nil {
			t.Fatal(err)
		}
	}
	var got string
	var m transport.Message
	for range 5 {
		if err := c.Recv(&m); err != nil {
			t.Fatal(err)
		}
		got += string(m.Body)
	}
	if got != "abcde" {
		t.Errorf("got %q, want %q", got, "abcde")
	}
	_ = c.Close()
}
