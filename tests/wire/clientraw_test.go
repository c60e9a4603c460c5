// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/tests/wire"
	"example.com/mailcall/transport"
)

// fed is a capture made by hand whose answers are given to calls of ours, one
// after another, as if they were for them.
type fed struct {
	capture string
	// interim is how many of the answers belong to the first call beside its
	// own, such as a 100 Continue.
	interim int
	calls   []call
}

// greeting is a call whose answer is that greeting.
func greeting(contentType, text string) call {
	c := hello(contentType)
	c.want = &greet.HelloReply{Greeting: text}
	return c
}

func broken(text string, code int32) call {
	c := hello(typeJSON)
	c.err = answered(text, code)
	return c
}

func fedRows() []fed {
	z, slept := greeting(typeJSON, "Hello Z"), greeting(typeJSON, "slept A")
	var rows []fed
	for _, name := range []string{
		"raw-get-with-no-body", "raw-http-1-0", "raw-only-micro-endpoint", "raw-only-micro-method",
		"raw-other-path", "raw-x-headers",
	} {
		want := "Hello Z"
		if name == "raw-get-with-no-body" {
			want = "Hello "
		}
		rows = append(rows, fed{capture: name, calls: []call{greeting(typeJSON, want)}})
	}
	garbled := hello(typeJSONRPC)
	garbled.err = answered("rpc: router cannot decode request: "+
		"invalid character 'b' looking for beginning of object key string", 0)
	noSeq := hello(typeJSON)
	noSeq.want = &greet.HelloReply{Seq: -1}
	untyped := hello(typeJSON)
	untyped.err = func(t *testing.T, err error) { wrongType(t, err) }
	topic := hello(typeProtobuf) // no body: under protobuf that is the zero message
	topic.want = &greet.HelloReply{}
	illFormed := "rpc: service/endpoint request ill-formed: "
	return append(rows,
		fed{"raw-pipelined-two-unary-sleep-300-no-micro-id", 0, []call{slept}},
		fed{"raw-pipelined-two-unary-with-distinct-micro-id", 0, []call{slept}},
		fed{"raw-two-unary-with-distinct-micro-stream-second-faster", 0, []call{z, slept}},
		fed{"raw-two-jsonrpc-unary-with-distinct-micro-stream", 1, []call{stranger()}},
		fed{"raw-sequential-on-one-conn", 0, []call{z, greeting(typeJSON, "Hello Y")}},
		fed{"raw-error-then-ok-on-one-conn", 0, []call{broken("plain failure", 0), greeting(typeJSON, "Hello Y")}},
		fed{"raw-no-content-type-protobuf-body", 0, []call{greeting(typeProtobuf, "Hello Z")}},
		fed{"raw-content-type-with-charset", 0, []call{untyped}},
		fed{"raw-no-micro-headers-unknown-ct", 0, []call{untyped}},
		fed{"raw-x-headers-x-micro-method", 0, []call{broken(illFormed[:len(illFormed)-1], 0)}},
		fed{"raw-no-micro-headers-micro-protocol-mucp", 0, []call{broken(illFormed[:len(illFormed)-1], 0)}},
		// The envelope of an old client's answer under a new content type.
		fed{"raw-no-micro-headers-json-rpc-envelope-in-application-json", 0, []call{greeting(typeJSON, "")}},
		fed{"raw-micro-target-set", 0, []call{greeting(typeJSON, "")}},
		fed{"raw-micro-topic-on-transport-no-subscriber", 0, []call{topic}},
		fed{"raw-timeout-50ms-on-deadline-ignoring-sleep-300", 0, []call{slept}},
		fed{"raw-timeout-garbage", 0, []call{noSeq}},
		fed{"raw-stream-unary-on-same-conn", 0, []call{
			greeting(typeJSON, "Hello s"), z, greeting(typeJSON, "Hello after")}},
		fed{"raw-broken-json-rpc", 0, []call{garbled}},
		fed{"raw-h1-upgrade-expect-100", 1, []call{z}},
		fed{"raw-halfclose-after-request", 0, []call{dropped()}},
		fed{"raw-eos-first", 0, []call{dropped()}},
		fed{"raw-connection-close", 0, []call{z}},
	)
}

func wrongType(t *testing.T, err error) {
	t.Helper()
	var e *rpcerr.Error
	if !errors.As(err, &e) || e.ID != rpcerr.IDCodec || e.Code != 500 {
		t.Errorf("got %v, want a 500 of %s", err, rpcerr.IDCodec)
	}
}

// dropped is a call whose connection ends without an answer. It may have been
// executed, so it is made once.
func dropped() call {
	c := hello(typeJSON)
	c.opts = []api.CallOption{api.WithRetries(2)}
	c.err = func(t *testing.T, err error) {
		t.Helper()
		mailcalltest.AssertAttempts(t, err, 1)
		var e *rpcerr.CallError
		if !errors.Is(err, io.EOF) || !errors.As(err, &e) ||
			e.Attempts[0].Phase != rpcerr.PhaseWait || e.Attempts[0].Proof != rpcerr.SentUnknown {
			t.Errorf("got %v, want the end of the connection while it waited", err)
		}
	}
	return c
}

// stranger is a call whose answer has the id of a request that nobody made in
// its envelope. What became of its own is not known, so it is made once.
func stranger() call {
	c := hello(typeJSONRPC)
	c.opts = []api.CallOption{api.WithRetries(2)}
	c.err = func(t *testing.T, err error) {
		t.Helper()
		mailcalltest.AssertAttempts(t, err, 1)
		var e *rpcerr.CallError
		if !errors.Is(err, transport.ErrProtocol) || !errors.As(err, &e) || e.Attempts[0].Proof != rpcerr.SentUnknown {
			t.Errorf("got %v, want a broken protocol: the answer is for request 2", err)
		}
	}
	return c
}

// Answers to requests made by hand mean the same to our client, and leave one
// connection that is used for all calls.
func TestClientMeetsRawAnswers(t *testing.T) {
	done := make(map[string]bool)
	for _, f := range fedRows() {
		done[f.capture] = true
		t.Run(f.capture, func(t *testing.T) {
			capture, err := wire.Load(f.capture)
			if err != nil {
				t.Fatal(err)
			}
			r := row{calls: f.calls}
			server, client := r.start(t, f.feed(t, capture))
			for i := range f.calls {
				f.calls[i].make(t, client)
			}
			client.Close(context.Background())
			if err := server.Close(); err != nil {
				t.Error(err)
			}
			if got := len(server.Sent()); got != 1 {
				t.Errorf("got %d connections, want 1", got)
			}
		})
	}
	for _, name := range names(t, "raw-") {
		if !done[name] {
			t.Errorf("got no call for the capture %s, want one", name)
		}
	}
}

// feed makes a capture in which the answers follow one request each.
func (f *fed) feed(t *testing.T, capture *wire.Capture) *wire.Capture {
	t.Helper()
	answers, err := wire.Messages(capture.Response)
	if err != nil {
		t.Fatal(err)
	}
	request := []byte("POST / HTTP/1.1\r\n\r\n")
	made := &wire.Capture{Name: capture.Name, Response: capture.Response}
	off := 0
	for range f.calls {
		made.Steps = append(made.Steps, wire.Step{Conn: 1, Off: len(made.Request), Len: len(request)})
		made.Request = append(made.Request, request...)
		if len(answers) == 0 {
			break
		}
		n := 0
		for range 1 + f.interim {
			n += len(answers[0])
			answers = answers[1:]
		}
		made.Steps = append(made.Steps, wire.Step{Conn: 1, FromServer: true, Off: off, Len: n})
		off += n
	}
	if len(answers) > 0 {
		t.Fatalf("got %d answers left over, want a call for each", len(answers))
	}
	if last := f.capture; slices.Contains([]string{"raw-halfclose-after-request", "raw-eos-first", "raw-connection-close"}, last) {
		made.Steps = append(made.Steps, wire.Step{Conn: 1, FromServer: true, Off: off, Close: true})
	}
	return made
}

// After an answer with Connection: close the next call takes a new connection.
func TestClientMeetsConnectionClose(t *testing.T) {
	capture, err := wire.Load("raw-connection-close")
	if err != nil {
		t.Fatal(err)
	}
	z := greeting(typeJSON, "Hello Z")
	f := fed{capture: "raw-connection-close", calls: []call{z}}
	made := f.feed(t, capture)
	for _, s := range made.Steps {
		s.Conn = 2
		made.Steps = append(made.Steps, s)
	}
	r := row{}
	server, client := r.start(t, made)
	z.make(t, client)
	z.make(t, client)
	client.Close(context.Background())
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if got := len(server.Sent()); got != 2 {
		t.Errorf("got %d connections, want 2", got)
	}
}
