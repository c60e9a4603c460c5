// SPDX-License-Identifier: Apache-2.0

package grpc

import (
	"context"
	"fmt"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding/gzip"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/transport"
)

// Transport is native gRPC. It is immutable and safe for concurrent use; make one with
// [New]. It has no goroutines and needs no closing.
type Transport struct {
	config config
	clock  clock.Clock
	routes routes
	calls  sync.Pool // of *call
	rooms  sync.Pool // of *[]byte, for bodies of replies
}

var (
	_ transport.Transport   = (*Transport)(nil)
	_ transport.Multiplexer = (*Transport)(nil)
)

// libraryMaxMessage is the default limit of gRPC's library for received messages, in
// bytes.
const libraryMaxMessage = 4 << 20

// New returns the native gRPC transport. It returns the joined errors of all options
// that are out of range.
func New(opts ...Option) (*Transport, error) {
	c, err := configure(opts)
	if err != nil {
		return nil, err
	}
	t := &Transport{config: c, clock: clock.Real()}
	t.calls.New = func() any { return newCall(t) }
	t.rooms.New = func() any { return new([]byte) }
	return t, nil
}

// callOptions returns the options that every call has. Each costs time and memory, so
// defaults of gRPC's library are left out; the size of what is sent is checked by this
// package.
func (c *config) callOptions() []grpc.CallOption {
	opts := []grpc.CallOption{grpc.ForceCodecV2(passthrough{})}
	if c.maxMessage != libraryMaxMessage {
		opts = append(opts, grpc.MaxCallRecvMsgSize(c.maxMessage))
	}
	if c.gzip {
		opts = append(opts, grpc.UseCompressor(gzip.Name))
	}
	return opts
}

// String returns "grpc", the name in a node's "transport" metadata.
func (*Transport) String() string { return "grpc" }

// Multiplexed implements [transport.Multiplexer]: one connection carries many
// exchanges.
func (*Transport) Multiplexed() bool { return true }

// Dial opens a connection to address. The forms of address are
//
//	host:port, [::1]:port   TCP; TLS if the port is 443
//	host, ::1, [::1]        TCP to port 443, TLS
//	https://host[:port]     TLS, port 443 unless given
//	http://host[:port]      cleartext, port 80 unless given
//	unix:/path              a unix socket, cleartext; unix:///path is the same
//	unix:path               the same with a relative path
//	unix:@name              an abstract unix socket, Linux only
//
// With [WithTLS] every connection uses that configuration, and http:// is an error. Dial
// returns once the server has sent its HTTP/2 preface, and when ctx ends at the latest.
// The connection implements [transport.Parallel], [transport.Streamer] and
// [transport.Peer]. Every error matches [transport.ErrNotSent].
func (t *Transport) Dial(ctx context.Context, address string) (transport.Conn, error) {
	l, err := t.config.open(ctx, address)
	if err != nil {
		return nil, transport.NotSent(fmt.Errorf("grpc transport: dial %s: %w", address, err))
	}
	return &conn{link: l, t: t}, nil
}
