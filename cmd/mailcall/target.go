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
}

// talks reports whether -v may write to stderr: under --json there is nothing
// there but the one object, which has the attempts in it.
func (t *targetFlags) talks() bool { return t.Verbose && !t.JSON }

// settle fills in the content type and makes the context with the metadata.
func (t *targetFlags) settle(ctx context.Context) (context.Context, error) {
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

// options are those of the client that both commands set.
func (t *targetFlags) options(raw bool) []api.Option {
	opts := []api.Option{api.WithEnvironment(), api.WithDefaultContentType(t.ContentType)}
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
