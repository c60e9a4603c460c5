// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"example.com/mailcall/broker"
	"example.com/mailcall/metadata"
	"example.com/mailcall/rpcerr"
)

func testBrokerName(t *testing.T, p *post) {
	if p.Publisher.String() == "" {
		t.Error("got no name, want one")
	}
	s := p.subscribe(topic, broker.WithQueue("q"))
	if s.Topic() != topic || s.Queue() != "q" {
		t.Errorf("got topic %q and queue %q, want %q and q", s.Topic(), s.Queue(), topic)
	}
}

func testFanOut(t *testing.T, p *post) {
	all := []*inbox{p.subscribe(topic), p.subscribe(topic), p.subscribe(topic)}
	for _, body := range []string{"one", "two"} {
		p.publish(topic, event(body))
		for i, in := range all {
			if got := p.next(in).Message; string(got.Body) != body || got.Header["Content-Type"] != "text/plain" {
				t.Errorf("subscriber %d: got %q with %v, want %q as text/plain", i, got.Body, got.Header, body)
			}
		}
	}
}

func testTopicsApart(t *testing.T, p *post) {
	here, there := p.subscribe(topic), p.subscribe(topic+".other")
	for i := range 5 {
		p.publish(topic, event(fmt.Sprint("here", i)))
		p.publish(topic+".other", event(fmt.Sprint("there", i)))
	}
	for i := range 5 {
		for body, in := range map[string]*inbox{"here": here, "there": there} {
			if got, want := string(p.next(in).Message.Body), fmt.Sprint(body, i); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
	}
}

func testQueueShares(t *testing.T, p *post) {
	const published = 40
	plain := p.subscribe(topic)
	one := make(chan string, 4*published)
	for range 3 {
		p.handle(topic, func(_ context.Context, e broker.Event) error {
			one <- string(e.Message.Body)
			return nil
		}, broker.WithQueue("workers"))
	}
	others := p.subscribe(topic, broker.WithQueue("others"))
	want := make([]string, 0, published)
	for i := range published {
		want = append(want, fmt.Sprintf("%02d", i))
		p.publish(topic, event(want[i]))
	}
	shared := make([]string, 0, published)
	for i := range published {
		shared = append(shared, receive(t, "an event of the queue", one))
		for _, in := range []*inbox{plain, others} {
			if got := string(p.next(in).Message.Body); got != want[i] {
				t.Errorf("got %q, want %q", got, want[i])
			}
		}
	}
	slices.Sort(shared)
	if !slices.Equal(shared, want) || len(one) != 0 {
		t.Errorf("the queue of three got %q and %d more, want each event once", shared, len(one))
	}
}

func testEventBodies(t *testing.T, p *post) {
	in := p.subscribe(topic)
	for _, size := range []int{0, 1, 2, 3, 511, 4096, 65537, 512 << 10} {
		body := make([]byte, size)
		for i := range body {
			body[i] = byte(i*7 + i>>8)
		}
		p.publish(topic, &broker.Message{Body: body})
		if got := p.next(in).Message.Body; !bytes.Equal(got, body) {
			t.Errorf("got %d bytes that differ or are not as many, want the %d that were sent", len(got), size)
		}
	}
	p.publish(topic, &broker.Message{})
	if got := p.next(in).Message.Body; len(got) != 0 {
		t.Errorf("got %q for a nil body, want nothing", got)
	}
}

func testEventHeaders(t *testing.T, p *post) {
	in := p.subscribe(topic)
	for _, h := range []metadata.Metadata{
		nil,
		{},
		{"Content-Type": "application/json"},
		{"Micro-ID": "1", "x-lower": " a b\tc\r\n", "X-Lower": "another", "": "", "nö": "<&> \"\\\u2028 \U0001F680"},
		{"Long": strings.Repeat("0123456789", 1000)},
	} {
		p.publish(topic, &broker.Message{Header: h, Body: []byte("x")})
		got := p.next(in).Message.Header
		for name, want := range h {
			if value, ok := got[name]; !ok || value != want {
				t.Errorf("got %q (%t) for %q, want %q", value, ok, name, want)
			}
		}
	}
}

func testPublishKeepsNothing(t *testing.T, p *post) {
	in := p.subscribe(topic)
	m := event("first")
	p.publish(topic, m)
	copy(m.Body, "XXXXX")
	m.Header["Content-Type"] = "changed"
	if got := p.next(in).Message; string(got.Body) != "first" || got.Header["Content-Type"] != "text/plain" {
		t.Errorf("got %q with %v, want first as text/plain", got.Body, got.Header)
	}
}

func testEventsApart(t *testing.T, p *post) {
	all := []*inbox{p.subscribe(topic), p.subscribe(topic)}
	p.publish(topic, event("first"))
	for _, in := range all {
		got := p.next(in).Message
		if string(got.Body) != "first" || got.Header["Content-Type"] != "text/plain" {
			t.Errorf("got %q with %v, want first as text/plain", got.Body, got.Header)
		}
		copy(got.Body, "XXXXX")
		got.Header["Content-Type"] = "changed"
	}
}

func testOrder(t *testing.T, p *post) {
	const published = 100
	var inside atomic.Int32
	got := make(chan string, published)
	p.handle(topic, func(_ context.Context, e broker.Event) error {
		if n := inside.Add(1); n != 1 {
			t.Errorf("got %d calls at a time, want 1", n)
		}
		got <- string(e.Message.Body)
		inside.Add(-1)
		return nil
	})
	for i := range published {
		p.publish(topic, event(strconv.Itoa(i)))
	}
	for i := range published {
		if body := receive(t, "an event", got); body != strconv.Itoa(i) {
			t.Fatalf("got %q, want %d", body, i)
		}
	}
}

func testHandlerFails(t *testing.T, p *post) {
	broken := errors.New("broken")
	told := make(chan error, 3)
	p.handle(topic, func(_ context.Context, e broker.Event) error {
		switch string(e.Message.Body) {
		case "error":
			return broken
		case "panic":
			panic("at the handler")
		}
		told <- nil
		return nil
	}, broker.WithErrorFunc(func(e broker.Event, err error) {
		told <- err
		panic("at the error function, after " + string(e.Message.Body))
	}))
	for _, c := range []struct {
		body string
		want error
	}{{"error", broken}, {"panic", rpcerr.ErrPanic}, {"fine", nil}} {
		p.publish(topic, event(c.body))
		if err := receive(t, "the outcome", told); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.body, err, c.want)
		}
	}
}
