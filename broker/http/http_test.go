// SPDX-License-Identifier: Apache-2.0

package http_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/mailcall/broker"
	"example.com/mailcall/broker/envelope"
	"example.com/mailcall/broker/http"
	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/dice"
	"example.com/mailcall/metadata"
	"example.com/mailcall/rpcerr"
)

// board is a discovery that a test writes upon.
type board struct {
	mu    sync.Mutex
	nodes []http.Node
	err   error
	told  []string // "announce ID TTL", "withdraw ID"
}

func (b *board) Nodes(_ context.Context, service string) ([]http.Node, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if service != "micro.http.broker" {
		return nil, fmt.Errorf("asked for service %q", service)
	}
	return slices.Clone(b.nodes), b.err
}

func (b *board) Announce(_ context.Context, _ string, n http.Node, ttl time.Duration) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.told = append(b.told, fmt.Sprint("announce ", n.ID, " ", ttl))
	if b.err == nil {
		b.nodes = append(b.nodes, n)
	}
	return b.err
}

func (b *board) Withdraw(_ context.Context, _ string, n http.Node) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.told = append(b.told, "withdraw "+n.ID)
	return nil
}

func (b *board) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
}

func (b *board) events() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.told)
}

func newBroker(t *testing.T, d http.Discovery, opts ...http.Option) *http.Broker {
	t.Helper()
	b, err := http.New(d, append([]http.Option{http.WithDice(dice.NewSource(1))}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return b
}

func node(id, address, version, topic string) http.Node {
	return http.Node{ID: id, Address: address, Version: version, Metadata: map[string]string{"broker": "http", "topic": topic}}
}

// counting is a subscriber that answers with a status.
func counting(t *testing.T, status int, body string) (address string, hits func() int) {
	t.Helper()
	var mu sync.Mutex
	n := 0
	s := httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, _ *nethttp.Request) {
		mu.Lock()
		n++
		mu.Unlock()
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://"), func() int { mu.Lock(); defer mu.Unlock(); return n }
}

// dead is an address where nobody listens.
func dead(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func TestPublishAsCaptured(t *testing.T) {
	want, err := os.ReadFile("testdata/broker-http-json.request.bin")
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := bytes.Cut(want, []byte("\r\n\r\n"))
	m, err := envelope.Decode(body)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	got := make(chan []byte, 1)
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		var seen bytes.Buffer
		if r, err := nethttp.ReadRequest(bufio.NewReader(io.TeeReader(c, &seen))); err == nil {
			_, _ = io.Copy(io.Discard, r.Body)
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		got <- seen.Bytes()
	}()
	id := regexp.MustCompile(`id=(\S+)`).FindSubmatch(want)[1]
	b := newBroker(t, &board{nodes: []http.Node{node(string(id), ln.Addr().String(), http.Broadcast, "greetings")}})
	delete(m.Header, "Micro-Topic") // the broker sets it
	if err := b.Publish(t.Context(), "greetings", &m); err != nil {
		t.Fatal(err)
	}
	want = bytes.Replace(want, []byte("127.0.0.1:8000"), []byte(ln.Addr().String()), 1)
	if sent := <-got; !bytes.Equal(sent, want) {
		t.Errorf("got\n%s\nwant\n%s", sent, want)
	}
	if _, changed := m.Header["Micro-Topic"]; changed {
		t.Error("got the caller's header changed, want it left alone")
	}
}

func TestReceiversOfAMessage(t *testing.T) {
	one, hitsOne := counting(t, 200, "")
	two, hitsTwo := counting(t, 204, "")
	three, hitsThree := counting(t, 200, "")
	other := node("h", one, "q", "a")
	other.Metadata["broker"] = "kafka"
	b := newBroker(t, &board{nodes: []http.Node{
		node("a", one, http.Broadcast, "a"), node("b", two, http.Broadcast, "a"),
		node("c", three, "q", "a"), node("d", three, "q", "a"), node("e", dead(t), "q", "a"), node("f", three, "r", "a"),
		node("g", one, http.Broadcast, "b"), other,
	}})
	for range 10 {
		if err := b.Publish(t.Context(), "a", &broker.Message{}); err != nil {
			t.Fatal(err)
		}
	}
	if x, y, z := hitsOne(), hitsTwo(), hitsThree(); x != 10 || y != 10 || z != 20 {
		t.Errorf("got %d, %d, %d, want each broadcast 10 times, and 20 for two queues", x, y, z)
	}
}

func TestUndeliverableMessages(t *testing.T) {
	fine, hits := counting(t, 200, "")
	full, _ := counting(t, 503, rpcerr.New("go.micro.broker", 503, "no room").Error())
	moved, _ := counting(t, 307, "")
	silent, hold := net.Listen("tcp", "127.0.0.1:0")
	if hold != nil {
		t.Fatal(hold)
	}
	defer silent.Close()
	gone := dead(t)
	for _, c := range []struct {
		name    string
		nodes   []http.Node
		err     error
		notSent bool
		part    string
	}{
		{"nobody", nil, broker.ErrNoSubscribers, true, `"a"`},
		{"dead", []http.Node{node("x", gone, http.Broadcast, "a")}, nil, true, "x: "},
		{"bad address", []http.Node{node("x", "no\nhost", http.Broadcast, "a")}, nil, true, "x: "},
		{"full", []http.Node{node("x", full, http.Broadcast, "a")}, nil, false, "no room"},
		{"moved", []http.Node{node("x", moved, http.Broadcast, "a")}, nil, false, "307"},
		{"silent", []http.Node{node("x", silent.Addr().String(), "q", "a"), node("y", silent.Addr().String(), "q", "a")}, context.DeadlineExceeded, false, "1 of 1"},
		{"partial", []http.Node{node("x", gone, http.Broadcast, "a"), node("y", fine, http.Broadcast, "a")}, nil, false, "delivered to y"},
	} {
		b := newBroker(t, &board{nodes: c.nodes}, http.WithTimeout(time.Second))
		err := b.Publish(t.Context(), "a", &broker.Message{})
		if err == nil || c.err != nil && !errors.Is(err, c.err) || errors.Is(err, broker.ErrNotSent) != c.notSent || !strings.Contains(err.Error(), c.part) {
			t.Errorf("%s: got %v (NotSent: %t), want %v, NotSent %t and %q", c.name, err, errors.Is(err, broker.ErrNotSent), c.err, c.notSent, c.part)
		}
	}
	if hits() != 1 {
		t.Errorf("got %d, want 1 for the one that could be reached", hits())
	}
	broken := errors.New("broken")
	if err := newBroker(t, &board{err: broken}).Publish(t.Context(), "a", &broker.Message{}); !errors.Is(err, broken) || !errors.Is(err, broker.ErrNotSent) {
		t.Errorf("got %v, want the error of discovery that is ErrNotSent", err)
	}
}

// reader is a discovery that takes no announcements.
type reader struct{ http.Discovery }

// A broker that is closed because of a message still answers that message.
func TestCloseLetsAnswersFinish(t *testing.T) {
	for range 100 { // whether the answer was under way is a matter of luck
		discovery := new(board)
		subscriber, came := newBroker(t, discovery), make(chan struct{})
		_, err := subscriber.Subscribe(t.Context(), "orders", func(context.Context, broker.Event) error {
			close(came)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		closed := make(chan error, 1)
		go func() {
			<-came
			closed <- subscriber.Close()
		}()
		if err := newBroker(t, discovery).Publish(t.Context(), "orders", &broker.Message{Body: []byte("x")}); err != nil {
			t.Fatalf("Publish: %v", err)
		}
		if err := <-closed; err != nil {
			t.Fatalf("Close: %v", err)
		}
	}
}

func TestSubscribeNeedsAnAnnouncer(t *testing.T) {
	fine := func(context.Context, broker.Event) error { return nil }
	if _, err := newBroker(t, reader{&board{}}).Subscribe(t.Context(), "a", fine); err == nil {
		t.Error("got nil, want an error: nobody would find the subscriber")
	}
	broken := errors.New("broken")
	if _, err := newBroker(t, &board{err: broken}).Subscribe(t.Context(), "a", fine); !errors.Is(err, broken) {
		t.Errorf("got %v, want the error of discovery", err)
	}
	if _, err := newBroker(t, &board{}, http.WithListen("0.0.0.0:0")).Subscribe(t.Context(), "a", fine); err == nil {
		t.Error("got nil for all interfaces, want an error that asks for WithAdvertise")
	}
	if _, err := newBroker(t, &board{}).Subscribe(t.Context(), "a", fine, broker.WithQueue(http.Broadcast)); !errors.Is(err, broker.ErrInvalid) {
		t.Errorf("got %v for a queue with the name of broadcast, want ErrInvalid", err)
	}
}

func TestAnswers(t *testing.T) {
	known := &board{}
	b := newBroker(t, known, http.WithMaxMessage(1000), http.WithListen("0.0.0.0:0"), http.WithAdvertise("127.0.0.1"))
	got := make(chan broker.Event, 8)
	s, err := b.Subscribe(t.Context(), "a", func(_ context.Context, e broker.Event) error {
		got <- e
		return errors.New("failed")
	})
	if err != nil {
		t.Fatal(err)
	}
	n := known.nodes[0]
	if n.Version != "ff.http.broadcast" || n.Metadata["broker"] != "http" || n.Metadata["topic"] != "a" || n.Metadata["secure"] != "false" ||
		!regexp.MustCompile(`^a-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(n.ID) {
		t.Errorf("got %+v, want the node of a go-micro subscriber", n)
	}
	fine := `{"Header":{"Micro-Topic":"a"},"Body":"aGk="}`
	client := &nethttp.Client{Transport: &nethttp.Transport{}}
	defer client.CloseIdleConnections()
	for _, c := range []struct {
		method, path, body string
		status             int
		events             int
	}{
		{"POST", "/?id=" + n.ID, fine, 200, 1},
		{"POST", "/any/path?id=" + n.ID, fine, 200, 1},
		{"POST", "/?id=other", fine, 200, 0},
		{"POST", "/", fine, 200, 0},
		{"POST", "/?id=" + n.ID, `{"Header":{"Micro-Topic":"b"}}`, 200, 0},
		{"GET", "/?id=" + n.ID, "", 405, 0},
		{"POST", "/?id=" + n.ID, "no JSON", 500, 0},
		{"POST", "/?id=" + n.ID, `{"Header":{}}`, 500, 0},
		{"POST", "/?id=" + n.ID, `{"Header":{"Micro-Topic":"a"},"Body":"` + strings.Repeat("A", 1<<20) + `"}`, 500, 0},
		{"POST", "/?id=" + n.ID, `{"Header":{"Micro-Topic":"a"},"Body":"` + strings.Repeat("A", 1336) + `"}`, 500, 0}, // 1002 bytes
	} {
		req, err := nethttp.NewRequestWithContext(t.Context(), c.method, "http://"+n.Address+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		rsp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(rsp.Body)
		_ = rsp.Body.Close()
		if err != nil || rsp.StatusCode != c.status {
			t.Errorf("%s %s %.40s: got %d %s, %v, want %d", c.method, c.path, c.body, rsp.StatusCode, text, err, c.status)
		}
		if e := rpcerr.Parse(string(text)); c.status == 200 && len(text) != 0 || c.status != 200 && (e.ID != "go.micro.broker" || int(e.Code) != c.status) {
			t.Errorf("%s %s %.40s: got %q, want nothing with 200 and a micro error else", c.method, c.path, c.body, text)
		}
		for range c.events {
			if e := <-got; string(e.Message.Body) != "hi" || e.Topic != "a" {
				t.Errorf("got %+v, want hi", e)
			}
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if len(got) != 0 {
		t.Errorf("got %d events more, want none", len(got))
	}
}

func TestTopicIsReplaced(t *testing.T) {
	known := &board{}
	b := newBroker(t, known)
	got := make(chan broker.Event, 1)
	if _, err := b.Subscribe(t.Context(), "exchange", func(_ context.Context, e broker.Event) error { got <- e; return nil }); err != nil {
		t.Fatal(err)
	}
	m := &broker.Message{Header: metadata.Metadata{"Micro-Topic": "topic"}}
	if err := b.Publish(t.Context(), "exchange", m); err != nil {
		t.Fatal(err)
	}
	if e := <-got; e.Topic != "exchange" || e.Message.Header["Micro-Topic"] != "exchange" {
		t.Errorf("got %+v, want exchange in both places", e)
	}
}

// manual is a clock whose timers fire when the test says so.
type manual struct {
	clock.Clock

	mu    sync.Mutex
	f     func()
	reset []time.Duration
}

func (m *manual) Now() clock.Instant { return 1 }

func (m *manual) Timer(f func()) clock.Timer { m.f = f; return m }

func (m *manual) Reset(at clock.Instant) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reset = append(m.reset, at.Sub(1))
}

func (m *manual) Stop() {}

func TestAnnouncementsAreRepeated(t *testing.T) {
	known, hands := &board{}, &manual{}
	told := make(chan error, 1)
	b := newBroker(t, known, http.WithClock(hands), http.WithRefreshFunc(func(_ string, err error) { told <- err }))
	s, err := b.Subscribe(t.Context(), "a", func(context.Context, broker.Event) error { return nil }, broker.WithQueue("q"))
	if err != nil {
		t.Fatal(err)
	}
	id := known.nodes[0].ID
	hands.f()
	broken := errors.New("broken")
	known.fail(broken)
	hands.f()
	if err := <-told; !errors.Is(err, broken) {
		t.Errorf("told %v, want the error of discovery", err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	hands.f() // it crossed Close
	announce := "announce " + id + " 1m0s"
	if got, want := known.events(), []string{announce, announce, announce, "withdraw " + id}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if want := []time.Duration{http.Refresh, http.Refresh, http.Refresh}; !slices.Equal(hands.reset, want) {
		t.Errorf("got timers of %v, want %v", hands.reset, want)
	}
}

func TestOptions(t *testing.T) {
	for what, o := range map[string]http.Option{
		"listen": http.WithListen("nowhere"), "max message": http.WithMaxMessage(0), "timeout": http.WithTimeout(0), "dialer": http.WithDialer(nil),
		"clock": http.WithClock(nil),
	} {
		if _, err := http.New(&board{}, o); err == nil {
			t.Errorf("%s: got nil, want an error", what)
		}
	}
	if _, err := http.New(&board{}, nil); err != nil {
		t.Errorf("no option: got %v, want none", err)
	}
	if _, err := http.New(nil); err == nil {
		t.Error("nil discovery: got nil, want an error")
	}
}
