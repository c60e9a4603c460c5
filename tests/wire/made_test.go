// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/codec"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/metadata"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/tests/wire"
)

// made is a unary exchange in the form of the captures, written by hand: what
// no capture shows, of which the rules of the wire say how it looks.
type made struct {
	name string
	call call
	// ask is what a go-micro client sends, answers what a go-micro server sends
	// to it, nothing if it is "".
	ask, answer string
	closed      bool // the server closes the connection then
	foreign     bool // the answer is one of another version, not the greeter's
}

// ask renders a request as a go-micro client writes it.
func ask(contentType, endpoint, body string, fields ...string) string {
	fields = append(fields, "Accept: "+contentType, "Content-Type: "+contentType,
		"Micro-Endpoint: "+endpoint, "Micro-Method: "+endpoint)
	for name, value := range map[string]string{"Micro-Id": "0", "Micro-Service": "greeter"} {
		if !slices.ContainsFunc(fields, func(f string) bool { return strings.HasPrefix(f, name+": ") }) {
			fields = append(fields, name+": "+value)
		}
	}
	agent := "User-Agent: Go-http-client/1.1"
	if strings.HasPrefix(contentType, "application/grpc") {
		agent = "User-Agent: grpc-go/1.0.0"
		fields = append(fields, "Te: trailers")
	}
	slices.Sort(fields)
	length := "Content-Length: " + strconv.Itoa(len(body))
	if body == "" {
		length, body = "Transfer-Encoding: chunked", "0\r\n\r\n"
	}
	head := append([]string{"POST / HTTP/1.1", "Host: 127.0.0.1:8000", agent, length}, fields...)
	return strings.Join(head, "\r\n") + "\r\n\r\n" + body
}

// tell renders the answer of a go-micro server to a request: its fields,
// overlaid with those of the answer.
func tell(ask, body string, fields ...string) string {
	head, _, _ := strings.Cut(ask, "\r\n\r\n")
	for _, f := range strings.Split(head, "\r\n")[1:] {
		name, _, _ := strings.Cut(f, ": ")
		switch name {
		case "Host", "Content-Length", "Transfer-Encoding":
			continue
		}
		if !slices.ContainsFunc(fields, func(set string) bool { return strings.HasPrefix(set, name+": ") }) {
			fields = append(fields, f)
		}
	}
	slices.Sort(fields)
	status := "HTTP/1.1 200 OK\r\n"
	length := "Content-Length: " + strconv.Itoa(len(body)) + "\r\n"
	rest := strings.Join(fields, "\r\n") + "\r\n"
	if body == "" {
		return status + rest + length + "\r\n"
	}
	return status + length + rest + "\r\n" + body
}

// wrong renders the answer that is an error.
func wrong(ask, text string) string {
	fields := []string{"Micro-Error: " + text, "X-Micro-Error: " + text}
	if strings.Contains(ask, "grpc-go") {
		fields = append(fields, "Grpc-Message: "+text, "Grpc-Status: 13")
	}
	return tell(ask, "", fields...)
}

// turns makes a capture of what the client and the server say in turn, on one
// connection.
func turns(name string, closed bool, said ...string) *wire.Capture {
	c := &wire.Capture{Name: name}
	for i, text := range said {
		side := &c.Request
		if i%2 == 1 {
			side = &c.Response
		}
		if text != "" {
			c.Steps = append(c.Steps, wire.Step{Conn: 1, FromServer: i%2 == 1, Off: len(*side), Len: len(text)})
			*side = append(*side, text...)
		}
	}
	if closed {
		c.Steps = append(c.Steps, wire.Step{Conn: 1, FromServer: true, Off: len(c.Response), Close: true})
	}
	return c
}

// Exchanges that no capture shows: our request is that of a go-micro client,
// and the answer means what it should.
func TestClientMeetsMadeExchanges(t *testing.T) {
	for _, m := range madeExchanges() {
		t.Run(m.name, func(t *testing.T) {
			r := &row{calls: []call{m.call}}
			r.meet(t, turns(m.name, m.closed, m.ask, m.answer))
		})
	}
}

// The greeter answers them as a go-micro server does.
func TestGreeterMeetsMadeExchanges(t *testing.T) {
	for _, m := range madeExchanges() {
		if m.foreign {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			capture := turns(m.name, m.closed, m.ask, m.answer)
			session, err := capture.Replay(dialer(mailcalltest.Start(t)))
			t.Cleanup(session.Close)
			if err != nil {
				t.Errorf("cannot replay: %v", err)
			}
			compare(t, session.Got, capture.Response)
			if rest := ended(t, session.Conns[1], !m.closed); len(rest) > 0 {
				t.Errorf("got %q after the answer, want nothing", rest)
			}
		})
	}
}

func madeExchanges() []made {
	return slices.Concat(madeErrors(), madeFailures(), madeSilences(), madeOddities())
}

// timeout is the field in the requests of a client whose attempts last as long
// as go-micro's.
const timeout = "Timeout: 5000000000"

// Error codes beside those of the captures, under each content type that can
// say an error.
func madeErrors() []made {
	var all []made
	for code, status := range map[int32]string{
		405: "Method Not Allowed", 412: "Precondition Failed", 429: "Too Many Requests", 501: "Not Implemented",
		502: "Bad Gateway", 504: "Gateway Timeout", 799: "", -1: "", 0: "",
	} {
		member := ""
		if code != 0 {
			member = fmt.Sprintf(`"code":%d,`, code)
		}
		if status != "" {
			status = `,"status":"` + status + `"`
		}
		body := `{` + member + `"detail":"failure"}`
		for contentType, body := range map[string]string{typeJSON: body + "\n", "application/grpc+json": framed(body)} {
			asked := ask(contentType, "Greeter.Fail", body, timeout)
			all = append(all, made{
				name: fmt.Sprintf("error %d under %s", code, contentType),
				call: fail(contentType, code, "failure"), ask: asked,
				answer: wrong(asked, `{"id":"greeter.fail",`+member+`"detail":"failure"`+status+`}`),
			})
		}
	}
	return all
}

// framed is a message behind gRPC's prefix.
func framed(message string) string {
	return "\x00\x00\x00\x00" + string(rune(len(message))) + message
}

func madeFailures() []made {
	strange := "<b>&\n\"ä€\""
	text := `{"id":"greeter.fail","code":404,"detail":"\u003cb\u003e\u0026\n\"ä€\"","status":"Not Found"}`
	all := []made{{
		name: "characters in a detail", call: fail(typeJSON, 404, strange),
		ask: ask(typeJSON, "Greeter.Fail", `{"code":404,"detail":"\u003cb\u003e\u0026\n\"ä€\""}`+"\n", timeout),
	}}
	all[0].answer = wrong(all[0].ask, text)
	for endpoint, text := range map[string]string{
		"Hello":           "rpc: service/endpoint request ill-formed: Hello",
		"greet.Greeter.X": "rpc: service/endpoint request ill-formed: greet.Greeter.X",
	} {
		c := hello(typeJSON)
		c.endpoint, c.err = endpoint, answered(text, 0)
		asked := ask(typeJSON, endpoint, `{"name":"Ann","count":"3"}`+"\n", timeout)
		all = append(all, made{name: "endpoint " + endpoint, call: c, ask: asked, answer: wrong(asked, text)})
	}
	broken := hello(typeJSON)
	broken.req, broken.err = &codec.Frame{Data: []byte(`{"name":`)}, answered("unexpected EOF", 0)
	asked := ask(typeJSON, "Greeter.Hello", `{"name":`, timeout)
	all = append(all, made{name: "broken body", call: broken, ask: asked, answer: wrong(asked, "unexpected EOF")})

	// What other versions write: all four members, and some that are not known.
	for version, text := range map[string]string{
		"1":         `{"id":"greeter.fail","code":404,"detail":"","status":"Not Found"}`,
		"the newer": `{"id":"greeter.fail","code":404,"detail":"gone","status":"Not Found","reason":"GONE","domain":"shop"}`,
	} {
		c := hello(typeJSON)
		c.err = answered(text, 404)
		asked := ask(typeJSON, "Greeter.Hello", `{"name":"Ann","count":"3"}`+"\n", timeout)
		all = append(all, made{name: "error of version " + version, call: c, foreign: true, ask: asked, answer: wrong(asked, text)})
	}
	return all
}

// What a go-micro server does not answer.
func madeSilences() []made {
	const bound = 100 * time.Millisecond
	unanswered := func(contentType, endpoint string, req any, body string) made {
		c := hello(contentType)
		c.endpoint, c.req, c.bound, c.opts = endpoint, req, bound, []api.CallOption{api.WithAttemptTimeout(bound)}
		c.err = timedOut(rpcerr.ErrAttemptTimeout, bound.String(), 1)
		return made{
			name: endpoint + " under " + contentType, call: c,
			ask: ask(contentType, endpoint, body, "Timeout: 100000000"),
		}
	}
	frame := &codec.Frame{Data: []byte("abc")}
	return []made{
		unanswered(typeJSON, "Greeter.Panic", &greet.HelloRequest{}, "{}\n"),
		unanswered(typeOctet, "Greeter.RawFail", frame, "abc"),
		unanswered(typeOctet, "Greeter.Nope", frame, "abc"),
	}
}

func madeOddities() []made {
	ann := `{"name":"Ann","count":"3"}` + "\n"
	greeted := `{"greeting":"Hello Ann"}` + "\n"

	other := hello(typeJSON)
	other.service = "other"
	toOther := ask(typeJSON, "Greeter.Hello", ann, timeout, "Micro-Service: other")

	closing := hello(typeJSON)
	closing.opts = []api.CallOption{api.WithConnClose()}
	toClose := ask(typeJSON, "Greeter.Hello", ann, timeout, "Connection: close")

	deadline := hello(typeJSON)
	deadline.endpoint, deadline.req, deadline.bound = "Greeter.Deadline", &greet.HelloRequest{}, 3*time.Second
	deadline.opts = []api.CallOption{api.WithRequestTimeout(9 * time.Second), api.WithConnectionTimeout(3 * time.Second)}
	deadline.want = &greet.HelloReply{Seq: 3000}
	toDeadline := ask(typeJSON, "Greeter.Deadline", "{}\n", "Timeout: 3000000000")

	// What came in with a request and is passed on: of the protocol's own fields
	// none goes out.
	passed := hello(typeJSON)
	passed.endpoint, passed.req = "Greeter.Echo", &greet.HelloRequest{}
	passed.md = metadata.Metadata{
		"x-lower": "", "Uni": "ä€", "Local": "10.0.0.1:1", "Content-Length": "99", "content-type": "text/x", "Accept": "a",
		"Timeout": "1", "Micro-Id": "7", "Micro-Stream": "3", "Micro-Error": "x", "Micro-Topic": "t", "Micro-Service": "other",
		"Micro-Endpoint": "A.B", "Micro-Method": "A.B", "Host": "elsewhere", ":path": "/x", "Micro-From-Service": "web",
	}
	toEcho := ask(typeJSON, "Greeter.Echo", "{}\n", timeout, "X-Lower: ", "Uni: ä€", "Local: 10.0.0.1:1", "Micro-From-Service: web")
	passed.want = &greet.HelloReply{Greeting: "echo", Headers: []string{
		"Accept=application/json", "Content-Length=3", "Content-Type=application/json", "Local=127.0.0.1",
		"Micro-Endpoint=Greeter.Echo", "Micro-From-Service=web", "Micro-Id=0", "Micro-Method=Greeter.Echo",
		"Micro-Service=greeter", "Remote=127.0.0.1", "Timeout=5000000000", "Uni=ä€", "User-Agent=Go-http-client/1.1", "X-Lower=",
	}}

	// A server that finds the id on HTTP, as up to version 4.9, repeats it.
	id := hello(typeProtobuf)
	toOld := ask(typeProtobuf, "Greeter.Hello", "\x0a\x03Ann\x10\x03", timeout)
	return []made{
		{name: "metadata that was passed on", call: passed, ask: toEcho, answer: tell(toEcho, `{"greeting":"echo","headers":["Accept=application/json",`+
			`"Content-Length=3","Content-Type=application/json","Local=127.0.0.1","Micro-Endpoint=Greeter.Echo","Micro-From-Service=web",`+
			`"Micro-Id=0","Micro-Method=Greeter.Echo","Micro-Service=greeter","Remote=127.0.0.1","Timeout=5000000000","Uni=ä€",`+
			`"User-Agent=Go-http-client/1.1","X-Lower="]}`+"\n")},
		{name: "another service", call: other, ask: toOther, answer: tell(toOther, greeted)},
		{name: "connection close", call: closing, ask: toClose, answer: tell(toClose, greeted), closed: true},
		{name: "deadline", call: deadline, ask: toDeadline, answer: tell(toDeadline, `{"seq":"3000"}`+"\n")},
		{
			name: "id of version 4", call: id, foreign: true, ask: toOld,
			answer: tell(toOld, "\x0a\x09Hello Ann", "Micro-Id: 0", "X-Micro-Id: 0"),
		},
	}
}
