// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net"
	"sync"
	"sync/atomic"

	"example.com/mailcall/bench/internal/wire"
)

// firstBuffer is enough for a request with a body of 1 KiB.
const firstBuffer = 2 << 10

// minimal answers each request with its own body, on a goroutine per connection. It
// allocates per connection, not per request.
type minimal struct {
	ln       net.Listener
	silent   bool
	requests atomic.Int64
	wg       sync.WaitGroup

	mu     sync.Mutex // guards conns and closed
	conns  map[net.Conn]struct{}
	closed bool
}

func startEcho(ln net.Listener, silent bool) *minimal {
	e := &minimal{ln: ln, silent: silent, conns: make(map[net.Conn]struct{})}
	e.wg.Go(e.accept)
	return e
}

// Address implements [Server].
func (e *minimal) Address() string { return e.ln.Addr().String() }

// Requests implements [Server].
func (e *minimal) Requests() int64 { return e.requests.Load() }

// Close implements [Server].
func (e *minimal) Close() error {
	err := e.ln.Close()
	e.mu.Lock()
	e.closed = true
	for c := range e.conns {
		_ = c.Close() // its goroutine gets the read error
	}
	e.mu.Unlock()
	e.wg.Wait()
	return err
}

func (e *minimal) accept() {
	for {
		c, err := e.ln.Accept()
		if err != nil {
			return
		}
		if !e.add(c) {
			_ = c.Close()
			return
		}
		e.wg.Go(func() {
			defer e.remove(c)
			e.serve(c)
		})
	}
}

func (e *minimal) add(c net.Conn) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.conns[c] = struct{}{}
	return true
}

func (e *minimal) remove(c net.Conn) {
	_ = c.Close()
	e.mu.Lock()
	delete(e.conns, c)
	e.mu.Unlock()
}

// serve returns when the connection ends or the peer violates the protocol.
func (e *minimal) serve(c net.Conn) {
	in := make([]byte, 0, firstBuffer)
	out := make([]byte, 0, firstBuffer)
	for {
		body, n, err := wire.ParseRequest(in)
		if err != nil {
			return
		}
		if n == 0 {
			if in, err = fill(c, in); err != nil {
				return
			}
			continue
		}
		if e.silent {
			e.requests.Add(1)
		} else {
			out = wire.AppendReply(out[:0], body)
			if _, err = c.Write(out); err != nil {
				return
			}
		}
		in = in[:copy(in, in[n:])]
	}
}

// fill reads once into the free part of buf, which it doubles first if it is full. The
// parser bounds its size.
func fill(c net.Conn, buf []byte) ([]byte, error) {
	if len(buf) == cap(buf) {
		grown := make([]byte, len(buf), 2*cap(buf))
		copy(grown, buf)
		buf = grown
	}
	n, err := c.Read(buf[len(buf):cap(buf)])
	return buf[:len(buf)+n], err
}
