// SPDX-License-Identifier: Apache-2.0

package contender

import (
	"context"

	"google.golang.org/protobuf/proto"

	"example.com/mailcall/api"
)

// ours is mailcall as a user has it: every default on, the deadline of the
// call, the bound of the attempt, retries, marks and the live list included.
type ours struct {
	caller *api.Caller
}

// newOurs keeps as many idle connections as there are callers, as every other
// contender does.
func newOurs(c Config) (Contender, error) {
	caller, err := api.New(
		api.WithAddress(c.Address),
		api.WithPoolSize(max(c.Callers, 1)),
		api.WithRequestTimeout(c.CallTimeout),
		api.WithAttemptTimeout(c.CallTimeout),
	)
	if err != nil {
		return nil, err
	}
	return &ours{caller: caller}, nil
}

// Caller implements [Contender].
func (o *ours) Caller(int) (Caller, error) { return o, nil }

// Close implements [Contender].
func (o *ours) Close() error {
	o.caller.Close(context.Background())
	return nil
}

// Call implements [Caller].
func (o *ours) Call(ctx context.Context, req, rsp proto.Message) error {
	return o.caller.Call(ctx, o.caller.NewRequest("greeter", "Greeter.Hello", req), rsp)
}
