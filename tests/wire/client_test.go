// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/codec"
	"example.com/mailcall/metadata"
	"example.com/mailcall/registry"
	"example.com/mailcall/registry/memory"
	"example.com/mailcall/tests/wire"
)

// call is a call that a go-micro client was recorded making, made again by
// ours. Its zero values: a node that speaks mucp, the attempt timeout of 5 s
// that go-micro has by default, no metadata.
type call struct {
	contentType string
	service     string // "greeter" if empty
	endpoint    string
	req         any
	rsp         any // a pointer; compared with want
	want        any
	err         func(*testing.T, error) // in place of want
	md          metadata.Metadata
	bound       time.Duration // of the Timeout sent; 5 s if zero
	opts        []api.CallOption
}

// row is one capture with its calls, all of one client.
type row struct {
	capture string
	legacy  bool // through the registry, with a node without metadata
	oneConn bool // the capture's connections are one with us
	opts    []api.Option
	calls   []call
}

// attemptTimeout is go-micro's default, and the Timeout in most captures.
const attemptTimeout = 5 * time.Second

// Every unary call of the captures, made again: the request differs from the
// captured one only in the value of Micro-Id and Timeout, in Host and in the
// order of the fields, and the captured answer means what it should.
func TestClientMeetsCaptures(t *testing.T) {
	done := make(map[string]bool)
	for _, r := range slices.Concat(goodRows(), errorRows(), timeoutRows()) {
		done[r.capture] = true
		t.Run(r.capture, func(t *testing.T) { r.run(t) })
	}
	for _, name := range names(t, "http-") {
		if !done[name] && !strings.HasPrefix(name, "http-stream-") {
			t.Errorf("got no call for the capture %s, want one", name)
		}
	}
}

func (r *row) run(t *testing.T) {
	capture, err := wire.Load(r.capture)
	if err != nil {
		t.Fatal(err)
	}
	r.meet(t, capture)
}

// meet makes the calls to the server of a capture.
func (r *row) meet(t *testing.T, capture *wire.Capture) {
	t.Helper()
	if r.oneConn {
		capture.Steps = slices.DeleteFunc(capture.Steps, func(s wire.Step) bool { return s.Close })
		for i := range capture.Steps {
			capture.Steps[i].Conn = 1
		}
	}
	server, client := r.start(t, capture)
	for i := range r.calls {
		r.calls[i].make(t, client)
	}
	client.Close(context.Background())
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	sent := server.Sent()
	if got, want := len(sent), conns(capture); got != want {
		t.Errorf("got %d connections, want %d", got, want)
	}
	r.compareRequests(t, capture, bytes.Join(sent, nil), server.Address())
}

// start starts the captured server and a client for it.
func (r *row) start(t *testing.T, capture *wire.Capture) (*wire.Server, *api.Caller) {
	t.Helper()
	server, err := wire.Serve(capture)
	if err != nil {
		t.Fatal(err)
	}
	opts := slices.Concat([]api.Option{api.WithRetries(0)}, r.opts)
	if r.legacy {
		node := &registry.Node{ID: "greeter-1", Address: server.Address()}
		opts = append(opts, api.WithRegistry(memory.New(
			&registry.Service{Name: "greeter", Nodes: []*registry.Node{node}})))
	} else {
		opts = append(opts, api.WithAddress(server.Address()))
	}
	client, err := api.New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(context.Background()) })
	return server, client
}

func (c *call) make(t *testing.T, client *api.Caller) {
	t.Helper()
	ctx := t.Context()
	if c.md != nil {
		ctx = metadata.NewContext(ctx, c.md)
	}
	req := client.NewRequest(cmp.Or(c.service, "greeter"), c.endpoint, c.req, api.WithContentType(c.contentType))
	err := client.Call(ctx, req, c.rsp, c.opts...)
	switch {
	case c.err != nil:
		c.err(t, err)
	case err != nil:
		t.Errorf("got error %v, want %s", err, show(c.want))
	case show(c.rsp) != show(c.want):
		t.Errorf("got %s, want %s", show(c.rsp), show(c.want))
	}
}

// show prints what a reply says. A message prints its fields, in order.
func show(v any) string {
	switch v := v.(type) {
	case *codec.Frame:
		return fmt.Sprintf("%q", v.Data)
	case fmt.Stringer:
		return strings.ReplaceAll(v.String(), "  ", " ")
	case *string:
		return fmt.Sprintf("%q", *v)
	default:
		return fmt.Sprintf("%+v", v)
	}
}

func conns(c *wire.Capture) int {
	last := 0
	for _, s := range c.Steps {
		last = max(last, s.Conn)
	}
	return last
}

// compareRequests compares what was sent with what was captured, message by
// message.
func (r *row) compareRequests(t *testing.T, capture *wire.Capture, sent []byte, address string) {
	t.Helper()
	got, err := wire.Messages(sent)
	if err != nil {
		t.Fatalf("%v in what was sent: %q", err, sent)
	}
	want, err := wire.Messages(capture.Request)
	if err != nil || len(got) != len(want) {
		t.Fatalf("got %d requests, want %d (%v)", len(got), len(want), err)
	}
	ids := make(map[string]bool)
	for i := range got {
		g, w := parse(t, got[i]), parse(t, want[i])
		if host := g.take("Host"); host != address {
			t.Errorf("request %d: got Host %q, want %q", i+1, host, address)
		}
		w.take("Host")
		id := g.take("Micro-Id")
		if _, err := strconv.ParseUint(id, 10, 63); err != nil || ids[id] {
			t.Errorf("request %d: got Micro-Id %q, want a decimal number that no other has", i+1, id)
		}
		ids[id] = true
		w.take("Micro-Id")
		r.compareTimeout(t, i, g.take("Timeout"))
		w.take("Timeout")
		g.compare(t, w)
	}
}

// compareTimeout checks that the server is told what is left of the bound.
func (r *row) compareTimeout(t *testing.T, request int, text string) {
	t.Helper()
	bound := r.calls[min(request, len(r.calls)-1)].bound
	if bound == 0 {
		bound = attemptTimeout
	}
	ns, err := strconv.ParseInt(text, 10, 64)
	if err != nil || ns <= 0 || ns > int64(bound) {
		t.Errorf("request %d: got Timeout %q, want 1 to %d", request+1, text, bound)
	}
}

// parsed is an HTTP message in parts.
type parsed struct {
	line   string
	header map[string]string
	body   []byte
}

func parse(t *testing.T, message []byte) *parsed {
	t.Helper()
	head, body, _ := bytes.Cut(message, []byte("\r\n\r\n"))
	r := textproto.NewReader(bufio.NewReader(bytes.NewReader(append(bytes.Clone(head), "\r\n\r\n"...))))
	p := &parsed{header: make(map[string]string), body: body}
	var err error
	if p.line, err = r.ReadLine(); err != nil {
		t.Fatalf("%v in %q", err, message)
	}
	for line, err := r.ReadLine(); err == nil && line != ""; line, err = r.ReadLine() {
		name, value, ok := strings.Cut(line, ": ")
		if _, twice := p.header[name]; !ok || twice {
			t.Errorf("got field %q, want \"Name: value\" and each name once", line)
		}
		p.header[name] = value
	}
	return p
}

// take removes a field and returns its value.
func (p *parsed) take(name string) string {
	defer delete(p.header, name)
	return p.header[name]
}

func (p *parsed) compare(t *testing.T, want *parsed) {
	t.Helper()
	if p.line != want.line {
		t.Errorf("got request line %q, want %q", p.line, want.line)
	}
	if !maps.Equal(p.header, want.header) {
		t.Errorf("got header %v,\nwant %v", p.header, want.header)
	}
	if !bytes.Equal(p.body, want.body) {
		t.Errorf("got body %q,\nwant %q", p.body, want.body)
	}
}
