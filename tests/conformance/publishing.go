// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"example.com/mailcall/api"
	"example.com/mailcall/broker"
	"example.com/mailcall/codec"
	"example.com/mailcall/codec/builtin"
	"example.com/mailcall/metadata"
)

// Courier is a broker under test for [Publishing], whose table has a row for each
// content type.
type Courier struct {
	// Name is its name in the table.
	Name string
	// Factory makes the rig for all events.
	Factory BrokerFactory
}

// Publishing publishes values with every content type that a client has by default,
// from a real client to a subscriber, and logs a table.
func Publishing(t *testing.T, couriers ...Courier) {
	t.Helper()
	columns := []struct {
		name string
		test func(*press) error
	}{
		{"value", (*press).value},
		{"raw frame", (*press).frame},
		{"metadata", (*press).metadata},
		{"exchange", (*press).exchange},
	}
	table := newTable("broker", "content type", "value", "raw frame", "metadata", "exchange") // as columns
	for _, courier := range couriers {
		t.Run(courier.Name, func(t *testing.T) {
			p := newPress(t, courier.Factory(t))
			for _, contentType := range slices.Sorted(maps.Keys(builtin.Codecs())) {
				row := make([]string, 0, 2+len(columns))
				row = append(row, courier.Name, contentType)
				for _, column := range columns {
					var ok bool
					t.Run(contentType+"/"+column.name, func(t *testing.T) {
						p.contentType, p.t = contentType, t
						if err := column.test(p); err != nil {
							t.Error(err)
						}
						ok = !t.Failed()
					})
					row = append(row, table.cell("", ok))
				}
				p.t = t
				table.row(row...)
			}
			t.Run("too large", p.tooLarge)
		})
	}
	t.Log("\n" + table.String())
}

// press is a client that publishes, and the subscribers.
type press struct {
	post

	client           *api.Caller
	readers, offside *inbox // of the topic, and of the exchange
	contentType      string
}

func newPress(t *testing.T, rig BrokerRig) *press {
	t.Helper()
	p := &press{post: post{BrokerRig: rig, t: t}}
	p.readers, p.offside = p.subscribe(topic), p.subscribe(topic+".exchange")
	var err error
	if p.client, err = api.New(api.WithBroker(rig.Publisher), api.WithRetries(3)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.client.Close(t.Context()) })
	return p
}

// say publishes v and returns what arrived in the inbox.
func (p *press) say(ctx context.Context, in *inbox, v any, opts ...api.PublishOption) (broker.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := p.client.Publish(ctx, p.client.NewMessage(topic, v, api.WithMessageContentType(p.contentType)), opts...); err != nil {
		return broker.Event{}, err
	}
	e := p.next(in)
	if got, _ := e.Message.Header.Get("Content-Type"); got != p.contentType {
		return e, fmt.Errorf("got content type %q, want %q", got, p.contentType)
	}
	if id, _ := e.Message.Header.Get("Micro-ID"); id == "" {
		return e, fmt.Errorf("got header %v, want a Micro-ID in it", e.Message.Header)
	}
	return e, nil
}

// value expects the bare value: events have no envelope.
func (p *press) value() error {
	d := dialectOf(p.contentType)
	e, err := p.say(p.t.Context(), p.readers, d.request("Ann", 1))
	if err != nil {
		return err
	}
	want, err := builtin.Codecs()[p.contentType].Marshal(d.request("Ann", 1))
	if err != nil {
		return err
	}
	got := d.request("", 0)
	if err := builtin.Codecs()[p.contentType].Unmarshal(e.Message.Body, got); err != nil {
		return fmt.Errorf("the body %q: %w", e.Message.Body, err)
	}
	if !same(got, d.request("Ann", 1)) {
		return fmt.Errorf("got %v in %q, want what was published, like %q", got, e.Message.Body, want)
	}
	return nil
}

// frame expects the bytes unchanged.
func (p *press) frame() error {
	data := []byte("\x00raw\xff")
	e, err := p.say(p.t.Context(), p.readers, &codec.Frame{Data: data})
	if err == nil && !bytes.Equal(e.Message.Body, data) {
		err = fmt.Errorf("got %q, want %q", e.Message.Body, data)
	}
	return err
}

// metadata expects the metadata of the publisher's context.
func (p *press) metadata() error {
	ctx := metadata.NewContext(p.t.Context(), metadata.Metadata{"Tenant": "blue"})
	e, err := p.say(ctx, p.readers, &codec.Frame{Data: []byte("x")})
	if err != nil {
		return err
	}
	got, _ := e.Message.Header.Get("Tenant")
	return expect("the event's metadata", got, "blue")
}

// tooLarge publishes more than any broker takes.
func (p *press) tooLarge(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	TooLarge(t, p.client.Publish(ctx, p.client.NewMessage(topic, &codec.Frame{Data: make([]byte, tooLarge)})))
}

// exchange expects the message at the exchange, and not at its topic.
func (p *press) exchange() error {
	if _, err := p.say(p.t.Context(), p.offside, &codec.Frame{Data: []byte("x")}, api.WithExchange(topic+".exchange")); err != nil {
		return err
	}
	if n := len(p.readers.events); n != 0 {
		return fmt.Errorf("got %d events under the topic, want none", n)
	}
	return nil
}
