// SPDX-License-Identifier: Apache-2.0

package contender

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"example.com/mailcall/bench/internal/wire"
)

// sharedFloor is the lower bound for the memory of a call that waits on a connection
// that all callers share: the waiting goroutine, its request and reply, and a channel.
// It keeps nothing of a written request and delivers no answers, so it can only be used
// to measure the memory of waiting calls.
type sharedFloor struct {
	address string
	conn    net.Conn

	mu  sync.Mutex
	out []byte
}

func newSharedFloor(c Config) (Contender, error) {
	conn, err := net.DialTimeout("tcp", c.Address, 5*time.Second)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	return &sharedFloor{address: c.Address, conn: conn}, nil
}

// Caller implements [Contender].
func (f *sharedFloor) Caller(int) (Caller, error) { return f, nil }

// Close implements [Contender].
func (f *sharedFloor) Close() error { return f.conn.Close() }

// Call implements [Caller]: it sends and waits until ctx ends.
func (f *sharedFloor) Call(ctx context.Context, req, _ proto.Message) error {
	if err := f.send(req); err != nil {
		return err
	}
	answer := make(chan struct{}, 1)
	select {
	case <-answer: // never received
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *sharedFloor) send(req proto.Message) (err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	opts := proto.MarshalOptions{}
	f.out = wire.AppendHead(f.out[:0], f.address, 0, opts.Size(req))
	if f.out, err = opts.MarshalAppend(f.out, req); err != nil {
		return err
	}
	_, err = f.conn.Write(f.out)
	return err
}
