// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"example.com/mailcall/api"
	"example.com/mailcall/codec"
	"example.com/mailcall/codec/protorpc"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/memory"
)

// greeting serves connections of the memory transport: to each request it
// answers with the reply that answer has finished.
func greeting(t *testing.T, wire *memory.Network, answer func(request, reply *transport.Message)) string {
	t.Helper()
	l, err := wire.Listen("")
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		work.Wait()
	})
	work.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			work.Go(func() { converse(conn, answer) })
		}
	})
	return l.Address()
}

func converse(conn transport.Conn, answer func(request, reply *transport.Message)) {
	defer func() { _ = conn.Close() }()
	for {
		var m transport.Message
		if conn.Recv(&m) != nil {
			return
		}
		reply := transport.Message{
			Header: transport.Header{{Name: "Content-Type", Value: m.Header.Get("Content-Type")}},
			Body:   []byte(`{"greeting":"Hello Ann"}`),
		}
		answer(&m, &reply)
		if conn.Send(&reply) != nil {
			return
		}
	}
}

// Where the wire tells which request an answer is for, one to a request that
// nobody made is no answer, and the connection is given up.
func TestUnsolicitedAnswersAreNotTaken(t *testing.T) {
	same := func(id string) string { return id }
	for _, tc := range []struct {
		name   string
		answer func(id string) string
		good   bool
	}{
		{"own", same, true},
		{"no id", func(string) string { return "" }, true},
		{"another one", func(string) string { return "999999" }, false},
		{"negative", func(string) string { return "-1" }, false},
		{"no number", func(string) string { return "x" }, false},
		{"over 64 bits", func(string) string { return "99999999999999999999" }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			wire := memory.New()
			address := greeting(t, wire, func(request, reply *transport.Message) {
				if id := tc.answer(request.Header.Get("Micro-ID")); id != "" {
					reply.Header.Add("Micro-ID", id)
				}
			})
			c := start(t, api.WithTransport(wire), api.WithAddress(address), api.WithDefaultContentType("application/json"))
			for range 3 {
				err := greetAnn(within(t), c)
				if (err == nil) != tc.good {
					t.Fatalf("got %v, want it good: %t", err, tc.good)
				}
				if err == nil {
					continue
				}
				if a, _ := last(t, err); !errors.Is(err, transport.ErrProtocol) || a.Proof != rpcerr.SentUnknown {
					t.Errorf("got %v with proof %s, want a broken protocol and that the request may have been sent", err, a.Proof)
				}
			}
		})
	}
}

// A go-micro server repeats the id of the first request on a connection, which may have
// been another goroutine's: only the transport knows which ids there were.
func TestAnswersMayRepeatTheIDOfAnotherCall(t *testing.T) {
	const calls = 2
	wire := memory.New()
	ids, largest := make(chan int, calls), make(chan int, calls)
	address := greeting(t, wire, func(request, reply *transport.Message) {
		id, err := strconv.Atoi(request.Header.Get("Micro-ID"))
		if err != nil {
			t.Error(err)
		}
		ids <- id
		reply.Header.Add("Micro-ID", strconv.Itoa(<-largest))
	})
	c := start(t, api.WithTransport(wire), api.WithAddress(address), api.WithDefaultContentType("application/json"))
	ended := make(chan error, calls)
	for range calls {
		go func() { ended <- greetAnn(within(t), c) }()
	}
	most := max(await(t, "a request", ids), await(t, "the other request", ids))
	for range calls {
		largest <- most
	}
	for range calls {
		if err := await(t, "the end of a call", ended); err != nil {
			t.Errorf("got %v for the id %d, want the answer", err, most)
		}
	}
}

// An envelope has an id on every wire. The reply to another request of this
// client, one that came twice, is as wrong as one to a request that nobody made.
func TestUnsolicitedEnvelopesAreNotTaken(t *testing.T) {
	const jsonRPC, protoRPC = "application/json-rpc", "application/proto-rpc"
	own := func(id, _ string) string { return id }
	always := func(id string) func(string, string) string { return func(string, string) string { return id } }
	for _, tc := range []struct {
		name, contentType string
		answer            func(id, before string) string
		good              bool
	}{
		{"own", jsonRPC, func(id, _ string) string { return strconv.Quote(id) }, true},
		{"own, as a number", jsonRPC, own, true},
		{"none", jsonRPC, always(`""`), true},
		{"null", jsonRPC, always("null"), true},
		{"another one", jsonRPC, always("999999"), false},
		{"the one before", jsonRPC, func(_, before string) string { return before }, false},
		{"no number", jsonRPC, always("{}"), false},
		{"own, proto-rpc", protoRPC, own, true},
		{"none, proto-rpc", protoRPC, always("0"), true},
		{"another one, proto-rpc", protoRPC, always("999999"), false},
		{"the one before, proto-rpc", protoRPC, func(_, before string) string { return before }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			wire := memory.New()
			before, failing := "", false
			address := greeting(t, wire, func(request, reply *transport.Message) {
				id := strings.Clone(request.Header.Get("Micro-ID"))
				answered := id
				if failing {
					answered = tc.answer(id, before)
				}
				before, reply.Body = id, envelope(tc.contentType, answered)
			})
			c := start(t, api.WithTransport(wire), api.WithAddress(address), api.WithDefaultContentType(tc.contentType))
			for range 3 { // the id of the first may be 0, which says nothing
				if err := greetAnn(within(t), c); err != nil {
					t.Fatal(err)
				}
			}
			failing = true
			err := greetAnn(within(t), c)
			if (err == nil) != tc.good {
				t.Fatalf("got %v, want it good: %t", err, tc.good)
			}
			if err == nil {
				return
			}
			if a, _ := last(t, err); !errors.Is(err, transport.ErrProtocol) || a.Proof != rpcerr.SentUnknown {
				t.Errorf("got %v with proof %s, want a broken protocol and that the request may have been sent", err, a.Proof)
			}
			failing = false
			if err := greetAnn(within(t), c); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// envelope renders the reply that greets Ann, for a request of that id.
func envelope(contentType, id string) []byte {
	if contentType == "application/json-rpc" {
		return fmt.Appendf(nil, `{"id":%s,"result":{"greeting":"Hello Ann"},"error":null}`, id)
	}
	body, err := protorpc.New().AppendReply(nil, codec.Envelope{ID: id}, &greet.HelloReply{Greeting: "Hello Ann"})
	if err != nil {
		panic(err)
	}
	return body
}

// An error in an envelope for another request is not taken for the service's
// answer.
func TestUnsolicitedErrorIsNotTaken(t *testing.T) {
	no := mailcalltest.Garbage(reply(`{"id":"999999","result":null,"error":"no"}`, "Content-Type: application/json-rpc"))
	server := mailcalltest.Start(t, mailcalltest.WithScript(mailcalltest.Script{no}))
	c := start(t, api.WithAddress(server.Address()), api.WithDefaultContentType("application/json-rpc"))
	if err := greetAnn(within(t), c); !errors.Is(err, transport.ErrProtocol) {
		t.Errorf("got %v, want a broken protocol", err)
	}
	if err := greetAnn(within(t), c); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if got := server.Connections(); got != 2 {
		t.Errorf("got %d connections, want 2: one that is out of step is not used again", got)
	}
}

// A frame is an envelope of its own, with an id that the client did not give.
func TestFrameBringsItsOwnID(t *testing.T) {
	request := &codec.Frame{Data: []byte(`{"params":[{"name":"Ann"}],"id":"mine","method":"Greeter.Hello"}`)}
	wire := memory.New()
	onHTTP := mailcalltest.Start(t)
	inMemory := mailcalltest.StartOn(t, wire, "")
	for _, opts := range [][]api.Option{
		{api.WithAddress(onHTTP.Address())},
		{api.WithAddress(inMemory.Address()), api.WithTransport(wire)},
	} {
		c := start(t, append(opts, api.WithDefaultContentType("application/json-rpc"))...)
		var rsp greet.HelloReply
		err := c.Call(within(t), c.NewRequest("greeter", "Greeter.Hello", request), &rsp)
		if err != nil || rsp.GetGreeting() != "Hello Ann" {
			t.Errorf("got %q, %v, want Ann greeted", rsp.GetGreeting(), err)
		}
	}
}

// A server without a codec for text says so in text, which is no reply.
func TestRefusalOfTextIsNoReply(t *testing.T) {
	server := mailcalltest.Start(t, mailcalltest.WithCodec("text/plain", nil))
	c := start(t, api.WithAddress(server.Address()))
	in, out := "hi", "untouched"
	err := c.Call(within(t), c.NewRequest("greeter", "Greeter.Text", &in, api.WithContentType("text/plain")), &out)
	if err == nil || !strings.Contains(err.Error(), "unsupported Content-Type") || out != "untouched" {
		t.Errorf("got %q, %v, want an error that names the content type", out, err)
	}
}
