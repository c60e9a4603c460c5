// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"context"
	"encoding/gob"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/frame"
)

// hands is a clock that the test advances. It has no timers.
type hands struct {
	clock.Clock
	now atomic.Int64
}

func (h *hands) Now() clock.Instant { return clock.Instant(h.now.Load()) }

// replaced is a server with our protocol until old is false, and then one like go-micro's,
// which closes the connection on anything that is not gob.
func replaced(t *testing.T, old *atomic.Bool) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	t.Cleanup(func() {
		_ = l.Close()
		<-over
	})
	go func() {
		defer close(over)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if old.Load() {
				// Everything is read, otherwise the close would send a reset.
				head := make([]byte, frame.PrefaceSize)
				_, _ = io.ReadFull(c, head)
				_, n, _ := frame.ParsePreface(head)
				_, _ = io.CopyN(io.Discard, c, int64(n))
				_, _ = c.Write(frame.Preface{Low: frame.Version, High: frame.Version, Limits: frame.Assumed()}.Append(nil))
			} else {
				var m struct{ Body []byte }
				_ = gob.NewDecoder(c).Decode(&m)
			}
			_ = c.Close()
		}
	}()
	return l.Addr().String()
}

// If a go-micro server replaces one with our protocol, that is detected after it has closed
// connections for a while, before the cache entry expires.
func TestReplacedServerIsFoundOut(t *testing.T) {
	var old atomic.Bool
	old.Store(true)
	address := replaced(t, &old)
	tr, err := New()
	if err != nil {
		t.Fatal(err)
	}
	h := &hands{Clock: tr.clock}
	tr.clock = h
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	dial := func() (isGob bool, err error) {
		c, err := tr.connect(ctx, address)
		if err != nil {
			return false, err
		}
		_, isGob = c.(transport.Exclusive)
		return isGob, c.Close()
	}
	if isGob, err := dial(); isGob || err != nil {
		t.Fatalf("got gob %t, %v, want our wire", isGob, err)
	}
	old.Store(false)
	for _, at := range []time.Duration{0, doubtedFor - 1} {
		h.now.Store(int64(at))
		if _, err := dial(); !errors.Is(err, errHungUp) {
			t.Errorf("after %s: got %v, want errHungUp", at, err)
		}
	}
	h.now.Store(int64(doubtedFor))
	if isGob, err := dial(); !isGob || err != nil {
		t.Errorf("after %s: got gob %t, %v, want gob", doubtedFor, isGob, err)
	}
}

// answers is a receiver that gets one for each result.
type answers chan error

func (a answers) Deliver(_ uint64, _ *transport.Message, loan transport.Loan, err error) {
	if loan != nil {
		loan.Return()
	}
	a <- err
}

// A connection on which something was received after a call had been cancelled is alive,
// however long ago that was.
func TestAnsweredConnectionStaysInUse(t *testing.T) {
	tr, err := New()
	if err != nil {
		t.Fatal(err)
	}
	h := &hands{Clock: tr.clock}
	h.now.Store(1)
	tr.clock = h
	begun, release := make(chan struct{}), make(chan struct{})
	server, err := NewServer(ServerConfig{Handler: func(req *Request, _ *Reply) {
		if len(req.Body) > 0 {
			begun <- struct{}{}
			<-release
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		_ = server.Serve(l)
	}()
	defer func() {
		close(release)
		server.Close()
		<-over
	}()
	raw, err := tr.Dial(t.Context(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, is := raw.(*conn)
	if !is {
		t.Fatalf("got a %T, want our protocol", raw)
	}
	defer func() { _ = c.Close() }()
	got := make(answers, 10)
	cancel := func() {
		t.Helper()
		id, err := c.Begin(&transport.Message{Body: []byte("wait")}, got, 1)
		if err != nil {
			t.Fatal(err)
		}
		<-begun
		c.Cancel(id)
	}
	cancel()
	if _, err := c.Begin(new(transport.Message), got, 2); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Fatal(err)
	}
	h.now.Add(int64(unansweredFor))
	cancel()
	if !c.Ready(0) {
		t.Error("got a connection that takes no calls, want it in use")
	}
}
