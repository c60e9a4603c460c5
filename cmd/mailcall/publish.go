// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/broker"
	"example.com/mailcall/codec"
	"example.com/mailcall/metadata"
)

// brokerFlags select the broker.
//
//nolint:tagalign // one tag below the other would be wider than any screen
type brokerFlags struct {
	Broker        string `default:"http" placeholder:"NAME" help:"Broker: http, which needs a registry, or nats (default: ${default})."`
	BrokerAddress string `placeholder:"ADDRESS" help:"nats: URL of the server (default: nats://127.0.0.1:4222). http: address on which a subscriber listens (default: 127.0.0.1:0)."`
	Registry      string `placeholder:"URL" help:"Registry in which the http broker finds subscribers: nats://HOST:PORT."`

	brokerTLSFlags

	Topic string `arg:"" help:"Topic of the events."`

	announces bool // the command registers subscribers
}

// open makes the broker; the caller closes things afterwards.
func (f *brokerFlags) open(ctx context.Context) (b broker.Broker, things []any, err error) {
	if f.Topic == "" {
		return nil, nil, usage("give the topic of the events", "the topic is empty")
	}
	secure, err := f.config()
	if err != nil {
		return nil, nil, err
	}
	var from *source
	if f.Registry != "" {
		if from, err = openSource(ctx, f.Registry, protocolMucp); err != nil {
			return nil, nil, err
		}
		things = append(things, from.Registry)
		f.announces = from.registrar != nil
	}
	if b, err = openBroker(f.Broker, f.BrokerAddress, from, secure); err != nil {
		closeAll(things)
		return nil, nil, err
	}
	return b, append(things, b), nil
}

// publishCmd is the command mailcall publish.
//
//nolint:tagalign // one tag below the other would be wider than any screen
type publishCmd struct {
	brokerFlags

	ContentType string        `default:"application/json" placeholder:"CT" help:"Content type (default: ${default}); with any other, BODY is sent as raw bytes."`
	Header      []string      `short:"H" sep:"none" placeholder:"K=V" help:"Header field of the event; may be repeated."`
	Timeout     time.Duration `default:"5s" env:"MAILCALL_REQUEST_TIMEOUT" help:"Timeout of the publish, 0 for none (default: ${default})."`
	JSON        bool          `name:"json" help:"Print an error as one JSON object."`
	Verbose     bool          `short:"v" help:"If publishing fails, print the attempts and the retry decisions to stderr."`

	Body string `arg:"" help:"JSON, @FILE, or - for stdin."`
}

// Run publishes the event.
func (c *publishCmd) Run(s streams) error {
	md, err := parseHeader(c.Header)
	if err != nil {
		return err
	}
	body, err := readBody(c.Body, s.in) // before untilSignal, so that a signal ends the process while it reads stdin
	if err != nil {
		return err
	}
	if c.ContentType == "application/json" {
		if err := checkJSON(body, "--content-type names another form"); err != nil {
			return err
		}
	}
	ctx, stop := untilSignal()
	defer stop()
	b, things, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer closeAll(things)
	client, err := newClient(api.WithEnvironment(), api.WithBroker(b), api.WithCodec(c.ContentType, rawCodec{}), api.WithRequestTimeout(c.Timeout))
	if err != nil {
		return err
	}
	defer closeClient(client)
	event := client.NewMessage(c.Topic, codec.Frame{Data: body}, api.WithMessageContentType(c.ContentType))
	return client.Publish(metadata.NewContext(ctx, md), event)
}
