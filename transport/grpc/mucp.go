// SPDX-License-Identifier: Apache-2.0

package grpc

import (
	"context"
	"fmt"

	"google.golang.org/grpc"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/transport"
)

// The service of go-micro's grpc transport.
const (
	mucpService = "go.micro.transport.grpc.Transport"
	mucpMethod  = "Stream"
	mucpPath    = "/" + mucpService + "/" + mucpMethod
)

// Mucp is go-micro's own transport named grpc: messages of header and body on one
// bidirectional gRPC stream per connection. It is immutable and safe for concurrent
// use; make one with [NewMucp]. It has no goroutines and needs no closing.
type Mucp struct {
	config config
	clock  clock.Clock
}

var _ transport.Transport = (*Mucp)(nil)

// NewMucp returns go-micro's grpc transport. It returns the joined errors of all
// options that are out of range. [WithGzip] has no effect on it.
func NewMucp(opts ...Option) (*Mucp, error) {
	c, err := configure(opts)
	if err != nil {
		return nil, err
	}
	return &Mucp{config: c, clock: clock.Real()}, nil
}

// String returns "mucp-grpc". In a node's metadata this transport is named "grpc", with
// the protocol "mucp".
func (*Mucp) String() string { return "mucp-grpc" }

// Dial opens a connection to address, in the forms of [Transport.Dial], and the stream
// on it. It returns when ctx ends at the latest. The connection implements
// [transport.Exclusive] and [transport.Peer]. Every error matches
// [transport.ErrNotSent].
func (t *Mucp) Dial(ctx context.Context, address string) (transport.Conn, error) {
	l, err := t.config.open(ctx, address)
	if err != nil {
		return nil, transport.NotSent(fmt.Errorf("mucp-grpc transport: dial %s: %w", address, err))
	}
	limit := t.config.maxMessage + frameExtra
	stop := context.AfterFunc(ctx, l.cancel)
	//nolint:contextcheck // the stream outlives the dial, its opening does not
	wire, err := l.cc.NewStream(l.ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, mucpPath,
		grpc.ForceCodecV2(packets{}), grpc.MaxCallRecvMsgSize(limit), grpc.MaxCallSendMsgSize(limit))
	if !stop() {
		err = ctx.Err()
	}
	if err != nil {
		_ = l.close()
		return nil, transport.NotSent(fmt.Errorf("mucp-grpc transport: dial %s: open the stream: %w", address, err))
	}
	return newMucpConn(t, l, wire), nil
}
