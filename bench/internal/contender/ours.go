// SPDX-License-Identifier: Apache-2.0

package contender

import (
	"context"

	"google.golang.org/protobuf/proto"

	"example.com/mailcall/api"
)

// ours is mailcall with all defaults, including the deadline of the call, the timeout
// of the attempt, retries, marks and the live list.
type ours struct {
	caller *api.Caller
}

// newOurs keeps one idle connection per caller, as every other contender does.
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

// Caller implements [Contender]. Each goroutine reuses its own request, as with
// fasthttp.
func (o *ours) Caller(int) (Caller, error) {
	return &preparedCaller{o.caller, api.Prepare(o.caller, "greeter", "Greeter.Hello")}, nil
}

// Close implements [Contender].
func (o *ours) Close() error {
	o.caller.Close(context.Background())
	return nil
}

type preparedCaller struct {
	caller  *api.Caller
	request *api.Prepared
}

// Call implements [Caller].
func (p *preparedCaller) Call(ctx context.Context, req, rsp proto.Message) error {
	return p.caller.Call(ctx, p.request.With(req), rsp)
}
