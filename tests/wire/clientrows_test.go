// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/codec"
	"example.com/mailcall/codec/json"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/metadata"
	"example.com/mailcall/rpcerr"
)

// The content types of the captures.
const (
	typeJSON     = "application/json"
	typeProtobuf = "application/protobuf"
	typeJSONRPC  = "application/json-rpc"
	typeProtoRPC = "application/proto-rpc"
	typeOctet    = "application/octet-stream"
	typeFoo      = "application/x-foo"
)

func hello(contentType string) call {
	return call{
		contentType: contentType, endpoint: "Greeter.Hello",
		req: &greet.HelloRequest{Name: "Ann", Count: 3}, rsp: new(greet.HelloReply),
		want: &greet.HelloReply{Greeting: "Hello Ann"},
	}
}

func goodRows() []row {
	var rows []row
	for name, contentType := range map[string]string{
		"http-unary-json": typeJSON, "http-unary-protobuf": typeProtobuf,
		"http-unary-protorpc": typeProtoRPC, "http-unary-jsonrpc": typeJSONRPC,
		"http-unary-grpc": "application/grpc", "http-unary-grpcproto": "application/grpc+proto",
		"http-unary-grpcjson": "application/grpc+json",
	} {
		rows = append(rows, row{capture: name, calls: []call{hello(contentType)}})
	}
	text, answer := "hi", "text:hi"
	zero := hello(typeProtobuf)
	zero.req, zero.want = &greet.HelloRequest{}, &greet.HelloReply{Greeting: "Hello "}
	return append(rows,
		row{capture: "http-unary-octet", calls: []call{{
			contentType: typeOctet, endpoint: "Greeter.Raw",
			req: &codec.Frame{Data: []byte("\x00\x01abc")}, rsp: new(codec.Frame),
			want: &codec.Frame{Data: []byte("raw:\x00\x01abc")},
		}}},
		row{capture: "http-unary-text", calls: []call{{
			contentType: "text/plain", endpoint: "Greeter.Text", req: text, rsp: new(string), want: &answer,
		}}},
		row{capture: "http-unary-json-struct", calls: []call{{
			contentType: typeJSON, endpoint: "Greeter.Json",
			req: mailcalltest.JSONRequest{Name: "Ann", Nums: []int{1, 2, 3}}, rsp: new(mailcalltest.JSONReply),
			want: &mailcalltest.JSONReply{Msg: "Hello Ann", Sum: 6},
		}}},
		row{capture: "http-unary-json-frame", calls: []call{{
			contentType: typeJSON, endpoint: "Greeter.Json",
			req: &codec.Frame{Data: []byte(`{"name":"raw"}`)}, rsp: new(codec.Frame),
			want: &codec.Frame{Data: []byte("{\"msg\":\"Hello raw\",\"sum\":0}\n")},
		}}},
		row{capture: "http-unary-empty", calls: []call{zero}},
		row{capture: "http-legacy-json", legacy: true, calls: []call{hello(typeJSON)}},
		row{capture: "http-legacy-protobuf", legacy: true, calls: []call{hello(typeProtobuf)}},
		metadataRow(), keepaliveRow(),
	)
}

// The topic in the metadata is not sent: it would make an event of the call.
func metadataRow() row {
	echo := hello(typeJSON)
	echo.endpoint = "Greeter.Echo"
	echo.md = metadata.Metadata{
		"x-lower": "a", "Foo-Bar": "b", "Micro-From-Service": "web",
		"Authorization": "Bearer t", "Micro-Topic": "topic",
	}
	echo.want = &greet.HelloReply{Greeting: "echo", Headers: []string{
		"Accept=application/json", "Authorization=Bearer t", "Content-Length=27",
		"Content-Type=application/json", "Foo-Bar=b", "Local=127.0.0.1", "Micro-Endpoint=Greeter.Echo",
		"Micro-From-Service=web", "Micro-Id=0", "Micro-Method=Greeter.Echo", "Micro-Service=greeter",
		"Remote=127.0.0.1", "Timeout=5000000000", "User-Agent=Go-http-client/1.1", "X-Lower=a",
	}}
	return row{capture: "http-metadata", calls: []call{echo}}
}

func keepaliveRow() row {
	first := hello(typeJSON)
	first.req, first.want = &greet.HelloRequest{Name: "A"}, &greet.HelloReply{Greeting: "Hello A"}
	first.md = metadata.Metadata{"First": "1"}
	second := hello(typeProtobuf)
	second.endpoint, second.req = "Greeter.Echo", &greet.HelloRequest{Name: "B"}
	second.want = &greet.HelloReply{Greeting: "echo", Headers: []string{
		"Accept=application/protobuf", "Content-Length=3", "Content-Type=application/protobuf",
		"Local=127.0.0.1", "Micro-Endpoint=Greeter.Echo", "Micro-Id=1", "Micro-Method=Greeter.Echo",
		"Micro-Service=greeter", "Remote=127.0.0.1", "Timeout=5000000000", "User-Agent=Go-http-client/1.1",
	}}
	return row{capture: "http-keepalive-two-calls", calls: []call{first, second}}
}

func fail(contentType string, code int32, detail string) call {
	c := hello(contentType)
	c.endpoint, c.req = "Greeter.Fail", &greet.HelloRequest{Code: code, Detail: detail}
	c.err = answered(rpcerr.New("greeter.fail", code, detail).Error(), code)
	return c
}

// answered wants the error that the service sent, with the text that go-micro
// shows.
func answered(text string, code int32) func(*testing.T, error) {
	return func(t *testing.T, err error) {
		t.Helper()
		var e *rpcerr.Error
		if !errors.As(err, &e) || !e.FromServer() || e.Code != code || e.Error() != text {
			t.Errorf("got %v, want %s with code %d from the server", err, text, code)
		}
		mailcalltest.AssertAttempts(t, err, 1)
	}
}

func errorRows() []row {
	var rows []row
	for name, contentType := range map[string]string{
		"http-error-404-json": typeJSON, "http-error-404-protobuf": typeProtobuf,
		"http-error-404-protorpc": typeProtoRPC, "http-error-404-jsonrpc": typeJSONRPC,
		"http-error-404-grpc": "application/grpc", "http-error-404-grpcproto": "application/grpc+proto",
	} {
		rows = append(rows, row{capture: name, calls: []call{fail(contentType, 404, "no such thing")}})
	}
	for name, code := range map[string]int32{
		"http-error-400": 400, "http-error-401": 401, "http-error-403": 403, "http-error-408": 408,
		"http-error-409": 409, "http-error-500": 500, "http-error-503": 503,
	} {
		rows = append(rows, row{capture: name, calls: []call{fail(typeJSON, code, "failure")}})
	}
	for name, c := range map[string]struct{ endpoint, text string }{
		"http-error-plain":     {"Greeter.Plain", "plain failure"},
		"http-unknown-method":  {"Greeter.Nope", "rpc: can't find method Nope"},
		"http-unknown-handler": {"Nope.Hello", "rpc: can't find service Nope"},
	} {
		plain := hello(typeJSON)
		plain.endpoint, plain.err = c.endpoint, answered(c.text, 0)
		rows = append(rows, row{capture: name, calls: []call{plain}})
	}
	after := hello(typeJSON)
	after.req, after.want = &greet.HelloRequest{Name: "B"}, &greet.HelloReply{Greeting: "Hello B"}
	foo := hello(typeFoo)
	foo.err = unknownContentType
	return append(rows,
		row{capture: "http-legacy-json-error", legacy: true, calls: []call{fail(typeJSON, 404, "no such thing")}},
		// go-micro throws the connection away after an error; we keep it.
		row{capture: "http-keepalive-error-then-ok", oneConn: true, calls: []call{fail(typeJSON, 400, "x"), after}},
		row{capture: "http-unknown-content-type", opts: []api.Option{api.WithCodec(typeFoo, json.New())}, calls: []call{foo}},
	)
}

// unknownContentType wants the answer's content type to be noticed. go-micro
// decodes the text as if it were the reply ("invalid character 'u'").
func unknownContentType(t *testing.T, err error) {
	t.Helper()
	var e *rpcerr.Error
	if !errors.As(err, &e) || e.ID != rpcerr.IDCodec || e.Code != 500 || e.FromServer() {
		t.Fatalf("got %v, want a 500 of %s", err, rpcerr.IDCodec)
	}
	for _, word := range []string{"text/plain", typeFoo, "unsupported Content-Type"} {
		if !strings.Contains(e.Detail, word) {
			t.Errorf("got detail %q, want it to name %q", e.Detail, word)
		}
	}
}

// timeoutRows have no answer. The texts of the errors are ours: go-micro says
// "<nil>" for an attempt and hides which bound it was.
func timeoutRows() []row {
	sleep := func(bound time.Duration, opts ...api.CallOption) call {
		c := hello(typeJSON)
		c.endpoint, c.req, c.bound, c.opts = "Greeter.Sleep", &greet.HelloRequest{SleepMs: 1000}, bound, opts
		c.err = timedOut(rpcerr.ErrAttemptTimeout, bound.String(), 1)
		return c
	}
	request := sleep(300*time.Millisecond, api.WithRequestTimeout(300*time.Millisecond))
	request.err = timedOut(context.DeadlineExceeded, "RequestTimeout", 1)
	// Retried because it is declared idempotent; go-micro retries any call.
	retried := sleep(200*time.Millisecond, api.WithAttemptTimeout(200*time.Millisecond),
		api.WithRetries(2), api.WithIdempotent(true), api.WithBackoffBounds(0, 0))
	retried.err = timedOut(rpcerr.ErrAttemptTimeout, "200ms", 3)
	octet := hello(typeOctet)
	octet.bound, octet.opts = time.Second, []api.CallOption{api.WithAttemptTimeout(time.Second)}
	octet.err = timedOut(rpcerr.ErrAttemptTimeout, "1s", 1)
	return []row{
		{capture: "http-timeout-connection", calls: []call{
			sleep(300*time.Millisecond, api.WithConnectionTimeout(300*time.Millisecond))}},
		{capture: "http-timeout-request", calls: []call{request}},
		{capture: "http-timeout-retries", calls: []call{retried}},
		// A go-micro server of today reads raw bytes here and never answers.
		{capture: "http-legacy-octet", legacy: true, calls: []call{octet}},
	}
}

// timedOut wants a 408 that names the bound.
func timedOut(sentinel error, word string, attempts int) func(*testing.T, error) {
	return func(t *testing.T, err error) {
		t.Helper()
		var e *rpcerr.CallError
		if !errors.Is(err, sentinel) || !errors.As(err, &e) {
			t.Fatalf("got %v, want %v", err, sentinel)
		}
		mailcalltest.AssertAttempts(t, err, attempts)
		if got := e.Wire().Code; got != 408 {
			t.Errorf("got code %d, want 408", got)
		}
		if !strings.Contains(err.Error(), word) {
			t.Errorf("got %q, want it to name %q", err, word)
		}
		for _, a := range e.Attempts {
			if a.Phase != rpcerr.PhaseWait || a.Proof != rpcerr.SentUnknown {
				t.Errorf("got phase %s and proof %s, want wait and sent-unknown", a.Phase, a.Proof)
			}
		}
	}
}
