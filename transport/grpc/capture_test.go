// SPDX-License-Identifier: Apache-2.0

package grpc_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// captured is a recorded exchange of a go-micro client with a go-micro server.
type captured struct {
	request  seen
	response []byte // the frames of the server without its SETTINGS, which come first
}

const frameHead = 9

func load(t *testing.T, name string) *captured {
	t.Helper()
	sent, err := os.ReadFile(filepath.Join("testdata", name+".request.bin"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join("testdata", name+".response.bin"))
	if err != nil {
		t.Fatal(err)
	}
	first := frameHead + int(got[0])<<16 + int(got[1])<<8 + int(got[2])
	c := &captured{response: got[first:]}
	framer := http2.NewFramer(io.Discard, bytes.NewReader(sent[len(http2.ClientPreface):]))
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return c
		}
		switch f := frame.(type) {
		case *http2.MetaHeadersFrame:
			c.request.fields = f.Fields
		case *http2.DataFrame:
			c.request.data = append(c.request.data, f.Data()...)
		}
	}
}

// replay answers one request as the captured server did, and sends what the client sent
// to the channel.
func replay(t *testing.T, c *captured, complete func(*seen) bool) (address string, requests <-chan *seen) {
	t.Helper()
	got := make(chan *seen, 1)
	return handmade(t, func(p *peer) {
		s, err := p.requestUntil(complete)
		if err != nil {
			return
		}
		got <- s
		if _, err := p.raw.Write(c.response); err == nil {
			p.rest()
		}
	}), got
}

// sameRequest compares the data and all fields except those that depend on the time or
// on a library's version.
func sameRequest(t *testing.T, got, want *seen) {
	t.Helper()
	for _, f := range want.fields {
		switch f.Name {
		case ":authority", "user-agent":
		case "grpc-timeout":
			if got.get(f.Name) == "" {
				t.Errorf("got no %s, want one", f.Name)
			}
		default:
			if have := got.get(f.Name); have != f.Value {
				t.Errorf("got %s %q, want %q", f.Name, have, f.Value)
			}
		}
	}
	for _, f := range got.fields {
		if want.get(f.Name) == "" && f.Name != "grpc-accept-encoding" {
			t.Errorf("got a field more: %s %q", f.Name, f.Value)
		}
	}
	if !bytes.Equal(got.data, want.data) {
		t.Errorf("got data %x, want %x", got.data, want.data)
	}
}

// like returns the request that the captured client was asked to send.
func like(c *captured, endpoint string) *transport.Message {
	m := &transport.Message{Header: transport.Header{
		{Name: "Content-Type", Value: c.request.get("x-content-type")},
		{Name: "Micro-Service", Value: "greeter"},
		{Name: "Micro-Endpoint", Value: endpoint},
	}}
	if v := c.request.get("timeout"); v != "" {
		m.Header.Add("Timeout", v)
	}
	if len(c.request.data) >= 5 {
		m.Body = c.request.data[5:]
	}
	return m
}

const hello = "0a0948656c6c6f20416e6e"

func TestUnaryCaptures(t *testing.T) {
	problem := func(code, status string) string {
		return `{"id":"greeter.fail","code":` + code + `,"detail":"failure","status":"` + status + `"}`
	}
	for _, tc := range []struct{ name, endpoint, body, err string }{
		{"grpc-unary-default", "Greeter.Hello", hello, ""},
		{"grpc-unary-protobuf", "Greeter.Hello", hello, ""},
		{"grpc-unary-json", "Greeter.Hello", hex.EncodeToString([]byte(`{"greeting":"Hello Ann"}`)), ""},
		{"grpc-unary-grpcjson", "Greeter.Hello", hex.EncodeToString([]byte(`{"greeting":"Hello Ann"}`)), ""},
		{"grpc-unary-path", "/greet.v1.Greeter/Hello", hello, ""},
		{"grpc-deadline", "Greeter.Deadline", "10a846", ""},
		{"grpc-error-400", "Greeter.Fail", "", problem("400", "Bad Request")},
		{"grpc-error-401", "Greeter.Fail", "", problem("401", "Unauthorized")},
		{"grpc-error-403", "Greeter.Fail", "", problem("403", "Forbidden")},
		{"grpc-error-404", "Greeter.Fail", "", problem("404", "Not Found")},
		{"grpc-error-408", "Greeter.Fail", "", problem("408", "Request Timeout")},
		{"grpc-error-409", "Greeter.Fail", "", problem("409", "Conflict")},
		{"grpc-error-500", "Greeter.Fail", "", problem("500", "Internal Server Error")},
		{"grpc-error-501", "Greeter.Fail", "", problem("501", "Not Implemented")},
		{"grpc-error-503", "Greeter.Fail", "", problem("503", "Service Unavailable")},
		{"grpc-error-plain", "Greeter.Plain", "", `{"id":"go.micro.client","code":500,"detail":"plain failure","status":"Internal Server Error"}`},
		{"grpc-unknown-method", "Greeter.Nope", "", `{"id":"go.micro.client","code":501,"detail":"unknown service Greeter.Nope","status":"Not Implemented"}`},
		{"grpc-unknown-handler", "Nope.Hello", "", `{"id":"go.micro.client","code":501,"detail":"unknown service Nope","status":"Not Implemented"}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := load(t, tc.name)
			address, requests := replay(t, c, nil)
			var reply transport.Message
			err := dial(t, address).Exchange(bound(t), time.Now().Add(patience), like(c, tc.endpoint), &reply)
			sameRequest(t, <-requests, &c.request)
			var wire *rpcerr.Error
			switch {
			case tc.err == "" && err != nil:
				t.Errorf("got %v, want none", err)
			case tc.err != "" && (!errors.Is(err, transport.ErrAnswered) || !errors.As(err, &wire) || wire.Error() != tc.err):
				t.Errorf("got %v, want the answer %s", err, tc.err)
			}
			if got := hex.EncodeToString(reply.Body); got != tc.body {
				t.Errorf("got body %s, want %s", got, tc.body)
			}
			if got, want := reply.Header.Get("Content-Type"), c.request.get("content-type"); got != want {
				t.Errorf("got content type %q, want %q", got, want)
			}
			if len(reply.Trailer) != 0 {
				t.Errorf("got trailer %v, want none", reply.Trailer)
			}
		})
	}
}

func TestTimeoutCapture(t *testing.T) {
	c := load(t, "grpc-timeout")
	address, requests := replay(t, c, nil)
	err := dial(t, address).Exchange(bound(t), time.Now().Add(50*time.Millisecond), like(c, "Greeter.Sleep"), &transport.Message{})
	wantIs(t, err, os.ErrDeadlineExceeded)
	sameRequest(t, <-requests, &c.request)
}

func TestHTTPServerCaptures(t *testing.T) {
	for _, tc := range []struct{ name, endpoint string }{
		{"h2c-grpc-client-to-http-server", "Greeter.Hello"},
		{"h2c-grpc-client-to-http-server-error", "Greeter.Fail"},
	} {
		c := load(t, tc.name)
		address, requests := replay(t, c, nil)
		err := dial(t, address).Exchange(bound(t), time.Now().Add(patience), like(c, tc.endpoint), &transport.Message{})
		wantIs(t, err, transport.ErrProtocol)
		wantNot(t, err, transport.ErrAnswered, transport.ErrNotSent)
		if text := "unexpected HTTP status code received from server: 200 (OK); malformed header: missing HTTP content-type"; !strings.Contains(err.Error(), text) {
			t.Errorf("got %v, want one with %q", err, text)
		}
		sameRequest(t, <-requests, &c.request)
	}
}

func TestStreamCaptures(t *testing.T) {
	for _, tc := range []struct {
		name, endpoint string
		replies        []string
	}{
		{"grpc-stream-bidi", "Greeter.Bidi", []string{"0a0848656c6c6f206d30", "0a0848656c6c6f206d311001", "0a0848656c6c6f206d321002"}},
		{"grpc-stream-server", "Greeter.ServerStream", []string{hello, hello + "1001", hello + "1002"}},
		{"grpc-stream-client", "Greeter.ClientStream", []string{"0a05676f7420321007"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := load(t, tc.name)
			address, requests := replay(t, c, nil)
			m := like(c, tc.endpoint)
			s, err := dial(t, address).Open(t.Context(), time.Time{}, m) // no deadline: it would add fields
			if err != nil {
				t.Fatal(err)
			}
			for data := c.request.data; len(data) > 0; {
				n := 5 + int(data[3])<<8 + int(data[4])
				if err := s.Send(&transport.Message{Body: data[5:n]}); err != nil {
					t.Fatal(err)
				}
				data = data[n:]
			}
			if err := s.CloseSend(); err != nil {
				t.Fatal(err)
			}
			sameRequest(t, <-requests, &c.request)
			for _, want := range tc.replies {
				if err := s.Recv(m); err != nil || hex.EncodeToString(m.Body) != want {
					t.Errorf("got %x, %v, want %s", m.Body, err, want)
				}
			}
			wantIs(t, s.Recv(m), io.EOF)
		})
	}
}
