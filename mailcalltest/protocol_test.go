// SPDX-License-Identifier: Apache-2.0

package mailcalltest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"example.com/mailcall/codec"
	"example.com/mailcall/codec/json"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/metadata"
	"example.com/mailcall/transport"
)

const jsonType = "application/json"

func names(h transport.Header) string {
	var all []string
	for _, f := range h {
		all = append(all, f.Name)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// On transports other than HTTP calls are correlated by id: they may overlap, the
// answer repeats the id, and the header of the request is not sent back.
func TestIDsCorrelate(t *testing.T) {
	server, p := startPipe(t)
	server.Pause()
	for _, id := range []string{"1", "2", "2"} {
		p.in <- message(`{"name":"`+id+`"}`, "Content-Type", jsonType, "Micro-Method", "Greeter.Hello", "Micro-ID", id, "Foo", "bar")
	}
	p.sync(t)
	server.Resume()
	got := map[string]string{}
	for range 2 {
		m := <-p.out
		got[m.Header.Get("Micro-ID")] = string(m.Body)
		if want := "Content-Type Micro-ID X-Micro-ID"; names(m.Header) != want {
			t.Errorf("got header %s, want %s", names(m.Header), want)
		}
	}
	for id, body := range got {
		if want := `{"greeting":"Hello ` + id + "\"}\n"; body != want {
			t.Errorf("got %q, want %q", body, want)
		}
	}
	if len(got) != 2 {
		t.Errorf("got ids %v, want 1 and 2", got)
	}
}

// A second message with the id of a running call is dropped.
func TestBusyIDSwallows(t *testing.T) {
	server, p := startPipe(t)
	server.Pause()
	hello := message(`{}`, "Content-Type", jsonType, "Micro-Endpoint", "Greeter.Hello")
	p.in <- hello
	p.in <- hello
	p.sync(t)
	server.Resume()
	<-p.out
	if got := server.Stats().Swallowed; got != 1 {
		t.Errorf("got %d swallowed, want 1", got)
	}
	p.in <- hello
	<-p.out
	mailcalltest.AssertCalls(t, server, "Greeter.Hello", 2)
}

func TestErrorAnswers(t *testing.T) {
	cases := []struct {
		name, contentType, endpoint, body, want string
	}{
		{"no method", jsonType, "Greeter.Nope", `{}`, "rpc: can't find method Nope"},
		{"no service", jsonType, "Nope.Hello", `{}`, "rpc: can't find service Nope"},
		{"no dot", jsonType, "Hello", `{}`, "rpc: service/endpoint request ill-formed: Hello"},
		{"two dots", jsonType, "a.b.c", `{}`, "rpc: service/endpoint request ill-formed: a.b.c"},
		{"plain", jsonType, "Greeter.Plain", `{}`, "plain failure"},
		{"code without status", jsonType, "Greeter.Fail", `{"code":799,"detail":"a<b"}`,
			`{"id":"greeter.fail","code":799,"detail":"a\u003cb"}`},
		{"no envelope", "application/json-rpc", "Greeter.Hello", ``, "EOF"},
		{"broken body", jsonType, "Greeter.Json", `{"name":`, "unexpected EOF"},
		{"broken message", jsonType, "Greeter.Hello", `{"name":`, "unexpected EOF"},
		{"no JSON", jsonType, "Greeter.Hello", `name`, "invalid character 'a' in literal null (expecting 'u')"},
		{"broken envelope", "application/json-rpc", "Greeter.Hello", `{"params":[{"name":`, "unexpected EOF"},
		{"no envelope's JSON", "application/json-rpc", "Greeter.Hello", `{"params"}`,
			"rpc: router cannot decode request: invalid character '}' after object key"},
		{"wrong message", "application/protobuf", "Greeter.Hello", "\x0a\x05a", "proto:"},
		{"wrong JSON", jsonType, "Greeter.Hello", `{"name":5}`, "proto:"},
		{"wrong reply", jsonType, "Greeter.Odd", `{}`, "Unable to encode body: "},
	}
	odd := mailcalltest.Handle("Greeter.Odd", func(context.Context, *codec.Frame, *func()) error { return nil })
	_, p := startPipe(t, mailcalltest.WithHandlers(odd))
	for _, c := range cases {
		p.in <- message(c.body, "Content-Type", c.contentType, "Micro-Endpoint", c.endpoint, "Foo", "bar")
		m := <-p.out
		if got := m.Header.Get("Micro-Error"); got != c.want && !strings.HasPrefix(c.name, "wrong") || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
		if got, again := m.Header.Get("Micro-Error"), m.Header.Get("X-Micro-Error"); got != again {
			t.Errorf("%s: got X-Micro-Error %q, want %q", c.name, again, got)
		}
		if c.name != "wrong reply" && m.Header.Get("Foo") != "bar" {
			t.Errorf("%s: got header %v, want that of the request in it", c.name, m.Header)
		}
	}
}

// The responder reads one JSON value and ignores what follows.
func TestMoreThanOneValue(t *testing.T) {
	_, p := startPipe(t)
	for endpoint, want := range map[string]string{
		"Greeter.Hello": `{"greeting":"Hello Ann"}` + "\n", "Greeter.Json": `{"msg":"Hello Ann","sum":0}` + "\n",
	} {
		p.in <- message(`{"name":"Ann"} and more`, "Content-Type", jsonType, "Micro-Endpoint", endpoint)
		if m := <-p.out; string(m.Body) != want {
			t.Errorf("%s: got %q, want %q", endpoint, m.Body, want)
		}
	}
}

// Calls that get no answer: once the id is free again, the first answer belongs to
// another call.
func TestNoAnswer(t *testing.T) {
	for _, c := range [][3]string{
		{jsonType, "Greeter.Panic", "{}"},
		{"application/octet-stream", "Greeter.RawFail", "x"},
		{"application/octet-stream", "Greeter.Hello", "x"},
		{"application/octet-stream", "Greeter.Nope", "x"},
		{"text/plain", "Greeter.Plain", "x"},
	} {
		server, p := startPipe(t)
		p.in <- message(c[2], "Content-Type", c[0], "Micro-Endpoint", c[1])
		for server.Calls("Greeter.Echo") == 0 { // dropped until the id is free
			p.in <- message("{}", "Content-Type", jsonType, "Micro-Endpoint", "Greeter.Echo")
			p.in <- message("", "Micro-Topic", "after")
			m := <-p.out
			if m.Header.Get("Micro-Topic") != "after" {
				if !strings.Contains(string(m.Body), "echo") {
					t.Errorf("%s under %s: got %+v, want no answer", c[1], c[0], m)
				}
				<-p.out
			}
		}
	}
}

func TestEvents(t *testing.T) {
	var seen []string
	_, p := startPipe(t,
		mailcalltest.WithSubscriber("ok", func(ctx context.Context, e mailcalltest.Event) error {
			md, _ := metadata.FromContext(ctx)
			seen = append(seen, e.Topic, e.ContentType, string(e.Body), md["Foo"])
			return nil
		}),
		mailcalltest.WithSubscriber("bad", func(context.Context, mailcalltest.Event) error { return errors.New("no") }),
		mailcalltest.WithSubscriber("worse", func(context.Context, mailcalltest.Event) error { panic("never") }),
	)
	for topic, want := range map[string]string{
		"ok": "", "nobody": "",
		"bad":   `{"id":"go.micro.server","code":500,"detail":"subscriber error: no","status":"Internal Server Error"}`,
		"worse": `{"id":"go.micro.server","code":500,"detail":"panic recovered: never","status":"Internal Server Error"}`,
	} {
		p.in <- message(`{}`, "Content-Type", jsonType, "Micro-Topic", topic, "Foo", "bar")
		m := <-p.out
		if got := m.Header.Get("Micro-Error"); got != want || m.Header.Get("Foo") != "bar" || len(m.Body) != 0 {
			t.Errorf("%s: got %+v, want the error %q and the header of the event", topic, m, want)
		}
	}
	if got, want := strings.Join(seen, " "), "ok application/json {} bar"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Options add and remove content types.
func TestWithCodec(t *testing.T) {
	_, p := startPipe(t, mailcalltest.WithCodec("application/x-foo", json.New()), mailcalltest.WithCodec("text/plain", nil))
	for contentType, want := range map[string]string{
		"application/x-foo": "{\"greeting\":\"Hello Ann\"}\n",
		"text/plain":        "unsupported Content-Type: text/plain",
	} {
		p.in <- message(`{"name":"Ann"}`, "Content-Type", contentType, "Micro-Endpoint", "Greeter.Hello")
		if m := <-p.out; string(m.Body) != want {
			t.Errorf("%s: got %q, want %q", contentType, m.Body, want)
		}
	}
}

// With grpc content types the body of a stream's opening is its first message, and the
// end of a stream is a status.
func TestGRPCStreamKeepsFirstBody(t *testing.T) {
	_, p := startPipe(t)
	p.in <- message("\x00\x00\x00\x00\x07\x0a\x03Ann\x10\x01", "Content-Type", "application/grpc",
		"Micro-Endpoint", "Greeter.ServerStream", "Micro-Stream", "1")
	if m, want := <-p.out, "\x00\x00\x00\x00\x0b\x0a\x09Hello Ann"; string(m.Body) != want {
		t.Errorf("got %q, want %q", m.Body, want)
	}
	m := <-p.out
	if m.Header.Get("Micro-Error") != "EOS" || m.Header.Get("Grpc-Status") != "0" || m.Header.Get("Grpc-Message") != "" {
		t.Errorf("got %v, want EOS with status 0", m.Header)
	}
}

// An error that the client sends within a stream, and a body that cannot be decoded,
// are errors for the handler and end the stream with their text.
func TestStreamErrors(t *testing.T) {
	open := []string{"Content-Type", jsonType, "Micro-Endpoint", "Greeter.Bidi", "Micro-Stream", "1"}
	_, p := startPipe(t)
	for body, want := range map[string]string{
		`{"code":404,"detail":"x"}`: `{"id":"greeter.fail","code":404,"detail":"x","status":"Not Found"}`,
		"":                          "client gave up",
	} {
		p.in <- message(`{}`, open...)
		m := message(body, open...)
		if body == "" {
			m.Header.Set("Micro-Error", want)
		}
		p.in <- m
		if got := (<-p.out).Header.Get("Micro-Error"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	p.in <- message(`{}`, open...)
	p.in <- message(`[`, open...)
	if got := (<-p.out).Header.Get("Micro-Error"); got == "" || got == "EOS" {
		t.Errorf("got %q, want the codec's error", got)
	}
}

// Ending a stream that has just been refused does not suppress the refusal.
func TestEndRacesTheRefusal(t *testing.T) {
	opening := []string{"Content-Type", jsonType, "Micro-Endpoint", "Greeter.Nope", "Micro-Stream", "1"}
	for range 50 { // the refusal may or may not be on its way by then
		_, p := startPipe(t)
		p.in <- message(`{}`, opening...)
		p.in <- message("", append(opening, "Micro-Error", "EOS")...)
		select {
		case m := <-p.out:
			if got := m.Header.Get("Micro-Error"); got == "" || got == "EOS" {
				t.Fatalf("got %q, want the refusal", got)
			}
		case <-p.closed:
			t.Fatal("the connection was closed before the refusal was sent")
		}
	}
}

// Faults that send bytes have a substitute where there is no socket.
func TestFaultsWithoutSocket(t *testing.T) {
	hello := message(`{"name":"Ann"}`, "Content-Type", jsonType, "Micro-Endpoint", "Greeter.Hello")
	_, p := startPipe(t, mailcalltest.WithScript(mailcalltest.Script{mailcalltest.Slow(100, 1), mailcalltest.Reset(10)}))
	p.in <- hello
	if m := <-p.out; string(m.Body) != helloAnn+"\n" {
		t.Errorf("got %q, want %q", m.Body, helloAnn)
	}
	p.in <- hello
	<-p.closed
}

// A handler may use any type that its codec supports.
func TestHandleTypes(t *testing.T) {
	_, p := startPipe(t, mailcalltest.WithHandlers(
		mailcalltest.Handle("Other.Count", func(_ context.Context, req *[]int, rsp *map[string]int) error {
			*rsp = map[string]int{"n": len(*req)}
			return nil
		}),
		mailcalltest.Handle("Greeter.Hello", func(_ context.Context, _ *greet.HelloRequest, rsp *greet.HelloReply) error {
			rsp.Greeting = "replaced"
			return nil
		}),
	))
	for endpoint, want := range map[string]string{"Other.Count": `{"n":3}`, "Greeter.Hello": `{"greeting":"replaced"}`} {
		body := `[1,2,3]`
		if endpoint == "Greeter.Hello" {
			body = `{}`
		}
		p.in <- message(body, "Content-Type", jsonType, "Micro-Endpoint", endpoint)
		if m := <-p.out; strings.TrimSpace(string(m.Body)) != want {
			t.Errorf("got %q, %v, want %q", m.Body, m.Header, want)
		}
	}
}
