// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/metadata"
)

// targetFlags are the flags that mailcall call and mailcall stream share.
//
//nolint:tagalign // one tag below the other would be wider than any screen
type targetFlags struct {
	whereFlags
	schemaFlags

	ContentType    string         `placeholder:"CT" help:"Content type (default: application/json, over grpc application/grpc+proto)."`
	Header         []string       `short:"H" sep:"none" placeholder:"K=V" help:"Metadata to send; may be repeated."`
	AttemptTimeout *time.Duration `placeholder:"D" help:"Timeout of one attempt."`
	Retries        *int           `placeholder:"N" help:"Maximum number of retries."`
	JSON           bool           `name:"json" help:"Print an error as one JSON object."`
	Verbose        bool           `short:"v" help:"Print what happens to stderr."`

	Service  string `arg:"" help:"Name of the service."`
	Endpoint string `arg:"" help:"Handler.Method, or over grpc the full path, /package.Service/Method."`
}

// talks reports whether -v may print to stderr. Under --json stderr has only the error
// object, which includes the attempts.
func (t *targetFlags) talks() bool { return t.Verbose && !t.JSON }

// settle sets the default content type and returns a context with the metadata.
func (t *targetFlags) settle(ctx context.Context) (context.Context, error) {
	switch {
	case t.Service == "":
		return nil, usage("use the registered name, such as greeter", "the name of the service is empty")
	case t.Endpoint == "":
		return nil, usage("use Handler.Method, or over grpc also /package.Service/Method", "the endpoint is empty")
	}
	if t.ContentType == "" {
		t.ContentType = "application/json"
		if t.Transport == "grpc" {
			t.ContentType = grpcProto
		}
	}
	md, err := parseHeader(t.Header)
	if err != nil {
		return nil, err
	}
	return metadata.NewContext(ctx, md), nil
}

// open makes the client. done closes it and everything it uses.
func (t *targetFlags) open(ctx context.Context, opts []api.Option) (client *api.Caller, done func(), err error) {
	g, err := t.gather(ctx, t.Service)
	if err != nil {
		return nil, nil, err
	}
	client, err = newClient(append(g.opts, opts...)...)
	if err != nil {
		g.close()
		return nil, nil, err
	}
	return client, func() { //nolint:contextcheck // it must close after ctx has ended, too
		closeClient(client)
		g.close()
	}, nil
}

// options returns the client options that both commands set.
func (t *targetFlags) options(raw bool) []api.Option {
	opts := []api.Option{api.WithEnvironment(), api.WithCodec("application/json", jsonCodec{})}
	if raw {
		opts = append(opts, api.WithCodec(t.ContentType, rawCodec{}))
	}
	if t.AttemptTimeout != nil {
		opts = append(opts, api.WithAttemptTimeout(*t.AttemptTimeout))
	}
	if t.Retries != nil {
		opts = append(opts, api.WithRetries(*t.Retries))
	}
	return opts
}
