// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http"
	"example.com/mailcall/transport/tcp"
)

// A server that refuses a stream proves that nothing of it was executed, and the
// error says so.
func TestRefusedStreamWasNotExecuted(t *testing.T) {
	server, err := tcp.NewServer(tcp.ServerConfig{Handler: func(*tcp.Request, *tcp.Reply) {}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan error, 1)
	go func() { over <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Close()
		<-over
	})
	wire, err := tcp.New()
	if err != nil {
		t.Fatal(err)
	}
	c := start(t, api.WithTransport(wire), api.WithAddress(l.Addr().String()))
	s := openStream(t, c, "Greeter.Bidi")
	err = s.Recv(new(greet.HelloReply))
	if a, _ := last(t, err); a.Proof != rpcerr.NotSent || !strings.Contains(a.Decision, "open it anew") {
		t.Errorf("got proof %s and decision %q for a refusal, want %s and what to do", a.Proof, a.Decision, rpcerr.NotSent)
	}
	if !errors.Is(err, transport.ErrNotSent) || !strings.Contains(err.Error(), "streams are not served here") {
		t.Errorf("got %v, want the words of the server", err)
	}
}

// A message over the client's own limit says nothing about the node.
func TestTooLargeStreamMessageIsNotTheNodesFault(t *testing.T) {
	const limit = 1 << 10
	small, err := http.New(http.WithMaxMessage(limit))
	if err != nil {
		t.Fatal(err)
	}
	gob, err := tcp.New(tcp.WithMaxMessage(limit), tcp.WithWire(tcp.Gob))
	if err != nil {
		t.Fatal(err)
	}
	for name, wire := range map[string]transport.Transport{"http": small, "gob": gob} {
		t.Run(name, func(t *testing.T) {
			r := mailcalltest.NewGreeter("greeter")
			t.Cleanup(func() { _ = r.Close() })
			if err := r.Listen(wires(t)[name], "127.0.0.1:0"); err != nil {
				t.Fatal(err)
			}
			c := start(t, api.WithTransport(wire), api.WithAddress(r.Address()))
			s := openStream(t, c, "Greeter.Bidi")
			if err := s.Send(&greet.HelloRequest{Name: strings.Repeat("x", limit+1)}); !errors.Is(err, rpcerr.ErrMessageTooLarge) {
				t.Errorf("got %v for a message over the limit, want that it is too large", err)
			}
			for range 2 { // each fits, its answer does not: it says hello
				send(t, s, &greet.HelloRequest{Name: strings.Repeat("x", limit-len("Hello "))})
			}
			err := s.Recv(new(greet.HelloReply))
			if !errors.Is(err, transport.ErrTooLarge) || !errors.Is(err, rpcerr.ErrMessageTooLarge) {
				t.Fatalf("got %v, want that the message is too large", err)
			}
			if failed, is := errors.AsType[*rpcerr.CallError](s.Error()); !is || failed.Service != "greeter" || !errors.Is(failed, rpcerr.ErrMessageTooLarge) {
				t.Errorf("got %v for how the stream ended, want the same with the name of the service", s.Error())
			}
			until(t, "the end of the stream", func() bool { return len(c.Runtime().Snapshot().Streams) == 0 })
			r.Kill()
			if err := greetAnn(within(t), c, api.WithRetries(0)); err == nil {
				t.Error("got an answer of a dead node")
			}
			var n messages.NodeInfo
			until(t, "the fault of the dead node", func() bool {
				n = c.Runtime().Snapshot().Services[0].Nodes[0]
				return strings.Contains(n.LastFault, "refused")
			})
			if n.Faults != 1 {
				t.Errorf("got %d faults, want that of the dead node alone", n.Faults)
			}
		})
	}
}

// A message that cannot be decoded, or over which the codec panics, is told with
// the node it came from, and the stream goes on.
func TestUndecodableMessageOfAStream(t *testing.T) {
	eachWire(t, func(t *testing.T, c *api.Caller) {
		s := openStream(t, c, "Greeter.Bidi")
		for range 3 {
			send(t, s, &greet.HelloRequest{Name: "Ann"})
		}
		for what, into := range map[string]any{"no message": new(int), "a panic": &explosive{}} {
			err := s.Recv(into)
			a, _ := last(t, err)
			if a.Node == "" || a.Phase != rpcerr.PhaseDecode || a.Proof != rpcerr.Executed {
				t.Errorf("%s: got attempt %+v of %v, want the node, phase decode and executed", what, a, err)
			}
		}
		if got := recv(t, s).GetGreeting(); got != "Hello Ann" {
			t.Errorf("got %q after that, want Hello Ann", got)
		}
	}, api.WithDefaultContentType("application/json"))
}

// Nor does a message end the stream whose envelope or content type is wrong. If the
// first message has another content type, the server has refused that of the stream.
func TestStreamMessageWithoutItsForm(t *testing.T) {
	const contentType = "application/json-rpc"
	typed := "Content-Type: " + contentType
	fine := reply(`{"id":"0","result":{"greeting":"Hello Ann"},"error":null}`, typed)
	for what, tc := range map[string]struct {
		first, second []byte
		over          bool
	}{
		"broken envelope":           {fine, reply(`{"id":`, typed), false},
		"broken envelope, at first": {reply(`{"id":`, typed), nil, false},
		"content type":              {fine, reply("<html>", "Content-Type: text/html"), false},
		"content type, at first":    {reply("unsupported Content-Type: "+contentType, "Content-Type: text/plain"), nil, true},
	} {
		t.Run(what, func(t *testing.T) {
			r := mailcalltest.Start(t)
			r.SetScript(mailcalltest.Script{mailcalltest.Garbage(slices.Concat(tc.first, tc.second, fine))})
			c := start(t, api.WithAddress(r.Address()), api.WithDefaultContentType(contentType))
			s := openStream(t, c, "Greeter.Bidi")
			if tc.second != nil {
				recv(t, s)
			}
			err := s.Recv(new(greet.HelloReply))
			if a, _ := last(t, err); a.Phase != rpcerr.PhaseDecode || a.Proof != rpcerr.Executed {
				t.Errorf("got attempt %+v of %v, want phase decode and executed", a, err)
			}
			if ended := s.Error(); (ended != nil) != tc.over {
				t.Errorf("got the end %v, want one: %t", ended, tc.over)
			}
			if !tc.over && recv(t, s).GetGreeting() != "Hello Ann" {
				t.Error("got another message after that, want Hello Ann")
			}
		})
	}
}

// explosive panics when it is decoded into.
type explosive struct{}

func (*explosive) UnmarshalJSON([]byte) error { panic("boom") }

// eachEnd runs a test on every wire with a stream that the service ends, well or with an
// error; Recv returns what matches want.
func eachEnd(t *testing.T, test func(t *testing.T, s api.Stream, want error)) {
	t.Helper()
	for name, tc := range map[string]struct {
		last *greet.HelloRequest
		want error
	}{
		"good end": {&greet.HelloRequest{Count: -1}, io.EOF},
		"an error": {&greet.HelloRequest{Code: 418, Detail: "teapot"}, &rpcerr.Error{Code: 418}},
	} {
		t.Run(name, func(t *testing.T) {
			eachWire(t, func(t *testing.T, c *api.Caller) {
				s := openStream(t, c, "Greeter.Bidi")
				send(t, s, tc.last)
				test(t, s, tc.want)
			})
		})
	}
}

// Error returns the end that Recv has just returned: programs written for go-micro
// check Error after a loop of Recv.
func TestStreamErrorAgreesWithRecv(t *testing.T) {
	eachEnd(t, func(t *testing.T, s api.Stream, want error) {
		told := s.Recv(new(greet.HelloReply))
		if got := s.Error(); !errors.Is(told, want) || !errors.Is(got, want) {
			t.Errorf("got %v from Recv and %v from Error, want %v from both", told, got, want)
		}
	})
}

// A Send to a stream that the service has ended returns io.EOF, also after Recv has
// returned the reason, which it goes on to return.
func TestSendAfterTheServiceHasEnded(t *testing.T) {
	eachEnd(t, func(t *testing.T, s api.Stream, want error) {
		for range 2 {
			if err := s.Recv(new(greet.HelloReply)); !errors.Is(err, want) {
				t.Errorf("got %v from Recv, want %v", err, want)
			}
			if err := s.Send(new(greet.HelloRequest)); err != io.EOF {
				t.Errorf("got %v from Send, want io.EOF", err)
			}
		}
		if err := s.CloseSend(); err != nil {
			t.Errorf("got %v from CloseSend, want none", err)
		}
	})
}
