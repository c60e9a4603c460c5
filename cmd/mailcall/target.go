// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/metadata"
)

// targetFlags are what mailcall call and mailcall stream have in common.
//
//nolint:tagalign // one tag below the other would be wider than any screen
type targetFlags struct {
	whereFlags
	schemaFlags

	ContentType    string         `placeholder:"CT" help:"Content type (default: application/json, over grpc application/grpc+proto)."`
	Header         []string       `short:"H" sep:"none" placeholder:"K=V" help:"Metadata to send; may be repeated."`
	AttemptTimeout *time.Duration `placeholder:"D" help:"Bound of one attempt."`
	Retries        *int           `placeholder:"N" help:"Attempts that may follow the first."`
	JSON           bool           `name:"json" help:"Errors as one JSON object."`
	Verbose        bool           `short:"v" help:"Show what happens, on stderr."`

	Service  string `arg:"" help:"Name of the service."`
	Endpoint string `arg:"" help:"Handler.Method, or over grpc the full path, /package.Service/Method."`
}

// talks reports whether -v may write to stderr: under --json there is nothing
// there but the one object, which has the attempts in it.
func (t *targetFlags) talks() bool { return t.Verbose && !t.JSON }

// settle fills in the content type and makes the context with the metadata.
func (t *targetFlags) settle(ctx context.Context) (context.Context, error) {
	switch {
	case t.Service == "":
		return nil, usage("name it as it is registered, such as greeter", "the service has no name")
	case t.Endpoint == "":
		return nil, usage("it is Handler.Method, or over grpc /package.Service/Method", "the endpoint has no name")
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

// open makes the client. done closes it, and what it is made of.
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

// options are those of the client that both commands set.
func (t *targetFlags) options(raw bool) []api.Option {
	opts := []api.Option{api.WithEnvironment()}
	if raw {
		opts = append(opts, api.WithCodec(t.ContentType, frames{}))
	}
	if t.AttemptTimeout != nil {
		opts = append(opts, api.WithAttemptTimeout(*t.AttemptTimeout))
	}
	if t.Retries != nil {
		opts = append(opts, api.WithRetries(*t.Retries))
	}
	return opts
}
