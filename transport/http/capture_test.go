// SPDX-License-Identifier: Apache-2.0

package http_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http"
)

const notFound = `{"id":"greeter.fail","code":404,"detail":"no such thing","status":"Not Found"}`

func typed(contentType string, more ...transport.Field) transport.Header {
	return append(transport.Header{{Name: "Content-Type", Value: contentType}}, more...)
}

func TestAnswersAsCaptured(t *testing.T) {
	const json, protobuf, grpc = "application/json", "application/protobuf", "application/grpc"
	status := func(code string) transport.Field { return transport.Field{Name: "Grpc-Status", Value: code} }
	tests := map[string][]transport.Message{
		"http-unary-json":          {{Header: typed(json), Body: []byte(`{"greeting":"Hello Ann"}` + "\n")}},
		"http-keepalive-two-calls": {{Header: typed(json), Body: []byte(`{"greeting":"Hello A"}` + "\n")}, {Header: typed(protobuf), Body: tail(t, "http-keepalive-two-calls", 265)}},
		"http-unary-empty":         {{Header: typed(protobuf), Body: tail(t, "http-unary-empty", 8)}},
		"http-unary-grpc":          {{Header: typed(grpc, status("0")), Body: tail(t, "http-unary-grpc", 16)}},
		"http-unary-grpcproto":     {{Header: typed("application/grpc+proto", status("0")), Body: tail(t, "http-unary-grpcproto", 16)}},
		"http-error-404-json":      {{Header: typed(json, transport.Field{Name: "Micro-Error", Value: notFound}, transport.Field{Name: "X-Micro-Error", Value: notFound})}},
		"http-error-404-grpc": {{Header: typed(grpc, status("13"), transport.Field{Name: "grpc-message", Value: notFound}, transport.Field{Name: ":path", Value: "/x"},
			transport.Field{Name: "X-Micro-Error", Value: notFound}, transport.Field{Name: "Micro-Error", Value: notFound})}},
		"http-metadata":             {{Header: typed(json), Body: tail(t, "http-metadata", 369)}},
		"raw-connection-close":      {{Header: typed(json), Body: []byte(`{"greeting":"Hello Z"}` + "\n")}},
		"raw-get-with-no-body":      {{Header: typed(json), Body: []byte(`{"greeting":"Hello "}` + "\n")}},
		"raw-h1-upgrade-expect-100": {{Header: typed(json), Body: []byte(`{"greeting":"Hello Z"}` + "\n")}},
		"raw-http-1-0":              {{Header: typed(json), Body: []byte(`{"greeting":"Hello Z"}` + "\n")}},
	}
	for name, answers := range tests {
		t.Run(name, func(t *testing.T) {
			next := 0
			address := respond(t, newTransport(t), func(m *transport.Message) {
				*m = answers[next]
				next++
			})
			got := replay(t, address, fixture(t, name+".request"), len(fixture(t, name+".response")), name == "raw-connection-close")
			if want := fixture(t, name+".response"); !bytes.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func tail(t *testing.T, name string, n int) []byte {
	b := fixture(t, name+".response")
	return b[len(b)-n:]
}

// replay sends request and returns n bytes of answer, or all up to the close
// that the server is expected to make.
func replay(t *testing.T, address string, request []byte, n int, closes bool) []byte {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(request); err != nil {
		t.Fatal(err)
	}
	if closes {
		b, err := io.ReadAll(c)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	b := make([]byte, n)
	if got, err := io.ReadFull(c, b); err != nil {
		t.Fatalf("got %v after %q, want %d bytes", err, b[:got], n)
	}
	return b
}

// TestRequestsAsCaptured sends the messages that the captured client sent.
func TestRequestsAsCaptured(t *testing.T) {
	tests := map[string]struct {
		header transport.Header
		body   string
	}{
		"http-unary-json":  {header: call("application/json", "Greeter.Hello"), body: `{"name":"Ann","count":"3"}` + "\n"},
		"http-unary-empty": {header: call("application/protobuf", "Greeter.Hello")},
		"http-unary-grpc": {
			header: append(call("application/grpc", "Greeter.Hello"), transport.Field{Name: "user-agent", Value: "grpc-go/1.0.0"}, transport.Field{Name: ":path", Value: "/x"}),
			body:   "\x00\x00\x00\x00\x07\n\x03Ann\x10\x03",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			want := fixture(t, name+".request")
			if name == "http-unary-grpc" {
				// The order of the fields is the caller's.
				tt.header = append(tt.header[:6:6], transport.Field{Name: "te", Value: "trailers"}, tt.header[6], tt.header[7], tt.header[8])
			}
			got := make(chan []byte, 1)
			address := accept(t, func(c net.Conn) {
				b := make([]byte, len(want))
				_, _ = io.ReadFull(c, b)
				got <- b
			})
			redirect := http.WithDialer(func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, address)
			})
			c := dial(t, newTransport(t, redirect), "127.0.0.1:8000")
			if err := c.Send(&transport.Message{Header: tt.header, Body: []byte(tt.body)}); err != nil {
				t.Fatal(err)
			}
			if b := <-got; !bytes.Equal(b, want) {
				t.Errorf("got %q, want %q", b, want)
			}
		})
	}
}

func call(contentType, endpoint string) transport.Header {
	return transport.Header{
		{Name: "Accept", Value: contentType},
		{Name: "Content-Type", Value: contentType},
		{Name: "Micro-Endpoint", Value: endpoint},
		{Name: "Micro-ID", Value: "0"},
		{Name: "Micro-Method", Value: endpoint},
		{Name: "Micro-Service", Value: "greeter"},
		{Name: "Timeout", Value: "5000000000"},
	}
}
