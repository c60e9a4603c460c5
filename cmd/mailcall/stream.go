// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"os"
	"strings"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/messages"
)

// streamCmd is the command mailcall stream.
//
//nolint:tagalign // one tag below the other would be wider than any screen
type streamCmd struct {
	targetFlags

	Timeout       time.Duration  `default:"5s" env:"MAILCALL_REQUEST_TIMEOUT" help:"Timeout of opening the stream, 0 for none (default: ${default})."`
	StreamTimeout time.Duration  `env:"MAILCALL_STREAM_TIMEOUT" placeholder:"D" help:"Timeout of the whole stream (default: none)."`
	HalfCloseWait *time.Duration `placeholder:"D" help:"How long to wait for further replies after the end of the input, over transports whose protocol does not report the end of a stream."`
	Raw           bool           `help:"Send each line and print each reply as raw bytes, with any content type."`

	Input *string `arg:"" optional:"" help:"One JSON value per line: @FILE, or - for stdin (default: -)."`
}

// Run opens the stream and copies messages until it ends.
func (c *streamCmd) Run(s streams) error {
	ctx, stop := untilSignal()
	defer stop()
	ctx, err := c.settle(ctx)
	if err != nil {
		return err
	}
	if strings.HasPrefix(c.ContentType, "application/grpc") && c.Transport != "grpc" {
		return usage("leave --content-type out, or add --transport grpc", "%s cannot be streamed over %s", c.ContentType, c.Transport)
	}
	in, err := c.input(s)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // only read
	client, done, err := c.open(ctx, c.options())
	if err != nil {
		return err
	}
	defer done()
	return c.run(ctx, s, client, in)
}

func (c *streamCmd) options() []api.Option {
	opts := append(c.targetFlags.options(c.Raw), api.WithRequestTimeout(c.Timeout), api.WithStreamTimeout(c.StreamTimeout))
	if c.HalfCloseWait != nil {
		opts = append(opts, api.WithHalfCloseWait(*c.HalfCloseWait))
	}
	return opts
}

// input returns the reader of the messages.
func (c *streamCmd) input(s streams) (io.ReadCloser, error) {
	if c.Input == nil || *c.Input == "-" {
		return io.NopCloser(s.in), nil
	}
	path, isFile := strings.CutPrefix(*c.Input, "@")
	if !isFile {
		return nil, usage("write @FILE, or - for stdin", "%q is not a valid input", *c.Input)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, usage("write @FILE, or - for stdin", "cannot read the input: %w", err)
	}
	return f, nil
}

func (c *streamCmd) run(ctx context.Context, s streams, client *api.Caller, in io.Reader) error {
	q := question{client: client, service: c.Service, endpoint: c.Endpoint, grpc: c.Transport == "grpc", stream: true, timeout: c.Timeout}
	form, err := c.shape(ctx, c.ContentType, c.Raw, &q)
	if err != nil {
		return err
	}
	req := client.NewRequest(c.Service, c.Endpoint, nil, api.WithContentType(c.ContentType), api.StreamingRequest())
	opened, err := client.Stream(ctx, req)
	if err != nil {
		return err
	}
	defer opened.Close() //nolint:errcheck // errors were reported before
	if there, is := opened.(interface{ Node() *messages.Node }); is {
		c.notef(s, "opened at %s", there.Node().Address)
	}
	p := &pump{streamCmd: c, streams: s, form: form, stream: opened}
	go p.send(in) // it may still be waiting for input when everything else has ended
	return p.receive()
}

// notef prints what happens, for -v.
func (c *streamCmd) notef(s streams, format string, args ...any) {
	if c.talks() {
		sayf(s.err, format+"\n", args...)
	}
}
