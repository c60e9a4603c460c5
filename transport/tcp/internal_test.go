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
