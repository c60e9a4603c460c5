// SPDX-License-Identifier: Apache-2.0

package tcp_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"example.com/mailcall/transport/tcp/internal/frame"
)

// raw is one end of a connection for which a test reads and writes frames itself.
type raw struct {
	net.Conn
	t testing.TB
}

var rawLimits = frame.Limits{
	Frame: 128 << 10, Message: 4 << 20, Exchanges: 100, Window: 64 << 10, ConnWindow: 1 << 20, Table: 64,
}

// rawServer runs play for each of its connections, after the prefaces.
func rawServer(t testing.TB, limits frame.Limits, play func(*raw)) (address string) {
	t.Helper()
	return bareServer(t, func(c net.Conn) {
		r := &raw{Conn: c, t: t}
		if !r.skipPreface() {
			return
		}
		if _, err := c.Write(frame.Preface{Low: 1, High: 1, Limits: limits}.Append(nil)); err == nil {
			play(r)
		}
	})
}

// bareServer runs play for each of its connections, and waits for all of them when the test
// ends.
func bareServer(t testing.TB, play func(net.Conn)) (address string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var conns []net.Conn
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			wg.Go(func() {
				defer func() { _ = c.Close() }()
				_ = c.SetDeadline(time.Now().Add(patience))
				play(c)
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		mu.Lock()
		for _, c := range conns {
			_ = c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return ln.Addr().String()
}

// rawClient connects to a server and exchanges prefaces.
func rawClient(t testing.TB, address string, limits frame.Limits) *raw {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	r := &raw{Conn: c, t: t}
	limits.Exchanges = 0
	if _, err := c.Write(frame.Preface{Low: 1, High: 1, Limits: limits}.Append(nil)); err != nil {
		t.Fatal(err)
	}
	if !r.skipPreface() {
		t.Fatal("got no preface from the server")
	}
	return r
}

func (r *raw) skipPreface() bool {
	head := make([]byte, frame.PrefaceSize)
	if _, err := io.ReadFull(r, head); err != nil {
		return false
	}
	_, n, err := frame.ParsePreface(head)
	if err != nil {
		r.t.Error(err)
		return false
	}
	_, err = io.ReadFull(r, make([]byte, n))
	return err == nil
}

// read returns the next frame, ok false at the end of the connection.
func (r *raw) read() (h frame.Header, payload []byte, ok bool) {
	head := make([]byte, frame.HeaderSize)
	if _, err := io.ReadFull(r, head); err != nil {
		return h, nil, false
	}
	h = frame.ParseHeader(head)
	payload = make([]byte, h.Length)
	_, err := io.ReadFull(r, payload)
	return h, payload, err == nil
}

// write sends one frame; the lengths of h are set here.
func (r *raw) write(h frame.Header, head, body []byte) {
	h.Head, h.Length = uint16(len(head)), uint32(len(head)+len(body))
	_, _ = r.Write(append(append(h.Append(nil), head...), body...))
}

// emptyBlock is a header block without fields.
var emptyBlock = []byte{0, 0}

// reply answers a unary exchange.
func (r *raw) reply(id uint64, body string) {
	r.write(frame.Header{Type: frame.Message, Flags: frame.FlagEnd, ID: id}, emptyBlock, []byte(body))
}

// open begins an exchange.
func (r *raw) open(id uint64, flags frame.Flags, body string) {
	r.write(frame.Header{Type: frame.Open, Flags: flags, ID: id}, append([]byte{0}, emptyBlock...), []byte(body))
}

// goaway reads up to a Goaway frame and returns its code, or the error that has ended the
// connection.
func (r *raw) goaway() (code uint64, err error) {
	for {
		h, payload, ok := r.read()
		if !ok {
			return 0, errors.New("the connection ended without a word")
		}
		if h.Type == frame.Goaway {
			s := frame.From(payload)
			_, code = s.Uint(), s.Uint()
			return code, nil
		}
	}
}

func uvarints(v ...uint64) (b []byte) {
	for _, n := range v {
		b = binary.AppendUvarint(b, n)
	}
	return b
}
