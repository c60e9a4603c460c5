// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/tests/wire"
)

// streamRow is one captured stream, opened again by our client.
type streamRow struct {
	capture     string
	contentType string
	endpoint    string
	open        *greet.HelloRequest
	opts        []api.CallOption
	timeout     string // the Timeout that is sent, "" for none
	// steps are messages to send, after each of which as many are received as
	// its replies say; want are the replies and the end of Recv, if it is read
	// to the end.
	steps  []streamStep
	want   []string
	quiet  bool // nothing comes back, and nobody waits for it
	halves bool // the client ends its half after the steps
}

type streamStep struct {
	send    *greet.HelloRequest
	replies int
}

func pairs(n int) (steps []streamStep, want []string) {
	for i := range n {
		steps = append(steps, streamStep{&greet.HelloRequest{Name: fmt.Sprintf("m%d", i), Count: int64(i)}, 1})
		want = append(want, fmt.Sprintf("Hello m%d/%d", i, i))
	}
	return steps, want
}

func streamRows() []streamRow {
	three, threeBack := pairs(3)
	one, oneBack := pairs(1)
	end := streamStep{send: &greet.HelloRequest{Count: -1}}
	return []streamRow{
		{capture: "http-stream-bidi-json", contentType: typeJSON, endpoint: "Greeter.Bidi", steps: three, want: threeBack},
		{capture: "http-stream-bidi-protobuf", contentType: typeProtobuf, endpoint: "Greeter.Bidi", steps: three, want: threeBack},
		{capture: "http-stream-bidi-jsonrpc", contentType: typeJSONRPC, endpoint: "Greeter.Bidi", steps: three, want: threeBack},
		{
			capture: "http-stream-bidi-serverend", contentType: typeJSON, endpoint: "Greeter.Bidi",
			steps: append(one[:1:1], end), want: append(oneBack[:1:1], "EOF"),
		},
		{
			capture: "http-stream-server", contentType: typeJSON, endpoint: "Greeter.ServerStream",
			steps: []streamStep{{&greet.HelloRequest{Name: "Ann", Count: 3, SleepMs: 30}, 3}},
			want:  []string{"Hello Ann/0", "Hello Ann/1", "Hello Ann/2", "EOF"},
		},
		{
			capture: "http-stream-server-firstbody", contentType: typeJSON, endpoint: "Greeter.ServerStream",
			open: &greet.HelloRequest{Name: "Ann", Count: 2}, quiet: true,
		},
		{
			capture: "http-stream-client", contentType: typeJSON, endpoint: "Greeter.ClientStream",
			steps: []streamStep{
				{&greet.HelloRequest{Count: 2}, 0},
				{&greet.HelloRequest{Count: 5}, 0},
				{&greet.HelloRequest{Count: -1}, 1},
			},
			want: []string{"got 2/7", "EOF"},
		},
		{
			capture: "http-stream-unknown", contentType: typeJSON, endpoint: "Greeter.Nope",
			want: []string{"rpc: can't find method Nope"},
		},
		{
			capture: "http-stream-timeout-header", contentType: typeJSON, endpoint: "Greeter.Bidi",
			opts: []api.CallOption{api.WithStreamTimeout(2 * time.Second)}, timeout: "2000000000", steps: one, want: oneBack,
		},
	}
}

// Every stream of the captures, opened again: what is sent differs only in
// Host, in the ids and in the order of the fields.
func TestClientMeetsStreamCaptures(t *testing.T) {
	done := make(map[string]bool)
	for _, r := range streamRows() {
		done[r.capture] = true
		t.Run(r.capture, func(t *testing.T) { r.run(t) })
	}
	for _, name := range names(t, "http-stream-") {
		if !done[name] {
			t.Errorf("got no stream for the capture %s, want one", name)
		}
	}
}

func (r *streamRow) run(t *testing.T) {
	capture, err := wire.Load(r.capture)
	if err != nil {
		t.Fatal(err)
	}
	r.meet(t, capture)
}

// meet opens the stream at the server of a capture.
func (r *streamRow) meet(t *testing.T, capture *wire.Capture) {
	t.Helper()
	server, client := (&row{}).start(t, capture)
	open := r.open
	if open == nil {
		open = &greet.HelloRequest{}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	s, err := client.Stream(ctx, client.NewRequest("greeter", r.endpoint, open, api.WithContentType(r.contentType)), r.opts...)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.play(t, s); strings.Join(got, ", ") != strings.Join(r.want, ", ") {
		t.Errorf("got %q, want %q", got, r.want)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	client.Close(ctx)
	if err := server.Drain(); err != nil {
		t.Error(err)
	}
	r.compare(t, capture, bytes.Join(server.Sent(), nil), server.Address())
}

// play sends and receives, and returns what was received.
func (r *streamRow) play(t *testing.T, s api.Stream) (got []string) {
	t.Helper()
	for _, step := range r.steps {
		if err := s.Send(step.send); err != nil {
			t.Fatal(err)
		}
		for range step.replies {
			got = append(got, next(s))
		}
	}
	if r.halves {
		if err := s.CloseSend(); err != nil {
			t.Fatal(err)
		}
	}
	for !r.quiet && len(got) < len(r.want) {
		got = append(got, next(s))
	}
	return got
}

func next(s api.Stream) string {
	rsp := new(greet.HelloReply)
	err := s.Recv(rsp)
	switch {
	case err == nil:
		return fmt.Sprintf("%s/%d", rsp.GetGreeting(), rsp.GetSeq())
	case errors.Is(err, io.EOF):
		return "EOF"
	default:
		for errors.Unwrap(err) != nil {
			err = errors.Unwrap(err)
		}
		return err.Error()
	}
}

// compare compares what was sent with what was captured, message by message.
func (r *streamRow) compare(t *testing.T, capture *wire.Capture, sent []byte, address string) {
	t.Helper()
	got, err := wire.Messages(sent)
	if err != nil {
		t.Fatalf("%v in what was sent: %q", err, sent)
	}
	want, err := wire.Messages(capture.Request)
	if err != nil || len(got) != len(want) {
		t.Fatalf("got %d messages, want %d (%v)\ngot %q", len(got), len(want), err, sent)
	}
	for i := range got {
		g, w := parse(t, got[i]), parse(t, want[i])
		if host := g.take("Host"); host != address {
			t.Errorf("message %d: got Host %q, want %q", i+1, host, address)
		}
		w.take("Host")
		if id, stream := g.take("Micro-Id"), g.take("Micro-Stream"); id == "" || id != stream {
			t.Errorf("message %d: got Micro-Id %q and Micro-Stream %q, want the same", i+1, id, stream)
		}
		w.take("Micro-Id")
		w.take("Micro-Stream")
		if timeout := g.header["Timeout"]; timeout != r.timeout {
			t.Errorf("message %d: got Timeout %q, want %q", i+1, timeout, r.timeout)
		}
		g.compare(t, w)
	}
}
