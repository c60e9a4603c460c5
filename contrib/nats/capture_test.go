// SPDX-License-Identifier: Apache-2.0

package nats_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	natsio "github.com/nats-io/nats.go"

	"example.com/mailcall/broker"
	"example.com/mailcall/broker/envelope"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/registry"
	"example.com/mailcall/transport"
)

// payload returns what follows the first line of a capture that begins with verb.
func payload(t *testing.T, file, verb string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(data, []byte("\r\n"))
	for i, line := range lines {
		if bytes.HasPrefix(line, []byte(verb+" ")) {
			return lines[i+1]
		}
	}
	t.Fatalf("%s: got no %s, want one", file, verb)
	return nil
}

func decode(t *testing.T, data []byte) broker.Message {
	t.Helper()
	m, err := envelope.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestPublishAsCaptured(t *testing.T) {
	s := start(t, nil)
	sub := listen(t, connect(t, s), "greetings")
	want := payload(t, "broker-nats-json.request.bin", "PUB")
	m := decode(t, want)
	if err := newBroker(t, s.ClientURL()).Publish(t.Context(), "greetings", &m); err != nil {
		t.Fatal(err)
	}
	if got := next(t, sub); !bytes.Equal(got.Data, want) || len(got.Header) != 0 || got.Reply != "" {
		t.Errorf("got %s with header %v and reply %q, want %s alone", got.Data, got.Header, got.Reply, want)
	}
}

func TestSubscribeAsCaptured(t *testing.T) {
	s := start(t, nil)
	sent := payload(t, "broker-nats-json.request.bin", "PUB")
	events := subscribe(t, newBroker(t, s.ClientURL()), "greetings")
	if err := connect(t, s).Publish("greetings", sent); err != nil {
		t.Fatal(err)
	}
	e := <-events
	if e.Err != nil || e.Message.Header["Foo"] != "bar" || e.Message.Header["Micro-Topic"] != "greetings" ||
		string(e.Message.Body) != "{\"name\":\"Ann\",\"count\":\"3\"}\n" {
		t.Errorf("got %+v, want the captured message", e)
	}
}

func TestTransportAsCaptured(t *testing.T) {
	s := start(t, nil)
	nc := connect(t, s)
	sub := listen(t, nc, "greeter.inbox")
	c, err := newTransport(t, s.ClientURL()).Dial(t.Context(), "greeter.inbox")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	request, reply := payload(t, "natstransport-unary-json.request.bin", "PUB"), payload(t, "natstransport-unary-json.response.bin", "MSG")
	m := decode(t, request)
	out := transport.Message{Body: m.Body}
	for name, value := range m.Header {
		out.Header.Add(name, value)
	}
	if err := c.Send(&out); err != nil {
		t.Fatal(err)
	}
	got := next(t, sub)
	if !bytes.Equal(got.Data, request) || !strings.HasPrefix(got.Reply, "_INBOX.") {
		t.Fatalf("got %s with reply %q, want %s and an inbox", got.Data, got.Reply, request)
	}
	if err := nc.Publish(got.Reply, reply); err != nil {
		t.Fatal(err)
	}
	var in transport.Message
	if err := c.Recv(&in); err != nil {
		t.Fatal(err)
	}
	if string(in.Body) != "{\"greeting\":\"Hello Ann\"}\n" || in.Header.Get("X-Micro-ID") != "0" || len(in.Header) != 3 {
		t.Errorf("got %q with %v, want the captured reply", in.Body, in.Header)
	}
}

// For the captured request the greeter sends the answer of go-micro's server.
func TestGreeterMeetsCapture(t *testing.T) {
	s := start(t, nil)
	nc := connect(t, s)
	sub := listen(t, nc, "inbox")
	mailcalltest.StartOn(t, newTransport(t, s.ClientURL()), "greeter.inbox")
	if err := nc.PublishRequest("greeter.inbox", "inbox", payload(t, "natstransport-unary-json.request.bin", "PUB")); err != nil {
		t.Fatal(err)
	}
	want := payload(t, "natstransport-unary-json.response.bin", "MSG")
	if got := next(t, sub); !bytes.Equal(got.Data, want) {
		t.Errorf("got %s, want %s", got.Data, want)
	}
}

// line is one message of the registry's capture.
type line struct{ subject, data string }

func registryLines(t *testing.T) []line {
	t.Helper()
	data, err := os.ReadFile("testdata/registry-nats.txt")
	if err != nil {
		t.Fatal(err)
	}
	var lines []line
	for text := range strings.Lines(string(data)) {
		head, data, ok := strings.Cut(strings.TrimSpace(text), " data=")
		if !ok {
			t.Fatalf("got %q, want a subject and data", text)
		}
		subject, _, _ := strings.Cut(strings.TrimPrefix(head, "subject="), " ")
		lines = append(lines, line{subject, data})
	}
	return lines
}

// The capture has register, get, list and deregister.
func TestRegistryAsCaptured(t *testing.T) {
	s := start(t, nil)
	wire := listen(t, connect(t, s), ">")
	lines := registryLines(t)
	var record struct {
		Service *registry.Service `json:"Service"`
	}
	if err := json.Unmarshal([]byte(lines[0].data), &record); err != nil {
		t.Fatal(err)
	}
	owner, asker := newRegistry(t, s.ClientURL()), newRegistry(t, s.ClientURL())
	steps := []func() error{
		func() error { return owner.Register(t.Context(), record.Service, time.Minute) },
		func() error { return found(asker.Lookup(t.Context(), "greeter")) },
		func() error { return found(asker.List(t.Context())) },
		func() error { return owner.Deregister(t.Context(), record.Service) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range lines {
		got := nextOf(t, wire)
		if strings.HasPrefix(want.subject, "_INBOX.") {
			want.subject = got.Subject // the inbox is different in each run
		}
		if got.Subject != want.subject || string(got.Data) != want.data {
			t.Errorf("message %d: got %s on %s, want %s on %s", i, got.Data, got.Subject, want.data, want.subject)
		}
	}
}

// nextOf returns the next message that is not the server's own.
func nextOf(t *testing.T, sub *natsio.Subscription) *natsio.Msg {
	t.Helper()
	for {
		if m := next(t, sub); !strings.HasPrefix(m.Subject, "$") {
			return m
		}
	}
}

func found(list []*registry.Service, err error) error {
	if err == nil && (len(list) != 1 || len(list[0].Nodes) != 1) {
		return os.ErrNotExist
	}
	return err
}
