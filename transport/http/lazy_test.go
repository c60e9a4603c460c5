// SPDX-License-Identifier: Apache-2.0

package http_test

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http"
)

// counted dials a connection whose deadlines are counted.
func counted(t *testing.T, address string) (transport.Exclusive, *countingConn) {
	t.Helper()
	var counting *countingConn
	tr := newTransport(t, http.WithDialer(func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		counting = &countingConn{TCPConn: c.(*net.TCPConn)}
		return counting, nil
	}))
	return dial(t, tr, address), counting
}

func TestDeadlineStaysArmed(t *testing.T) {
	c, counting := counted(t, respond(t, newTransport(t), echo))
	var m transport.Message
	for range 1000 {
		c.Bind(context.Background(), time.Now().Add(time.Minute))
		if err := exchange(c, &m); err != nil {
			t.Fatal(err)
		}
	}
	if reads, writes := counting.reads.Load(), counting.writes.Load(); reads != 1 || writes != 0 {
		t.Errorf("got %d read and %d write deadlines for 1000 exchanges, want 1 and 0", reads, writes)
	}
	// An earlier deadline must still be set on the socket.
	c.Bind(context.Background(), time.Now().Add(5*time.Millisecond))
	if err := c.Recv(&m); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want os.ErrDeadlineExceeded", err)
	}
	_ = c.Close()
}

// TestDeadlineThatFiresEarly leaves a short deadline armed and continues with long
// ones, and with none.
func TestDeadlineThatFiresEarly(t *testing.T) {
	release := make(chan struct{})
	c, _ := counted(t, accept(t, func(c net.Conn) {
		buf := make([]byte, 4096)
		for i := range 3 {
			if _, err := c.Read(buf); err != nil {
				return
			}
			if i > 0 {
				<-release
			}
			if _, err := c.Write([]byte(ok + "Content-Length: 1\r\n\r\nx")); err != nil {
				return
			}
		}
		_, _ = c.Read(buf)
	}))
	var m transport.Message
	c.Bind(context.Background(), time.Now().Add(20*time.Millisecond))
	if err := exchange(c, &m); err != nil {
		t.Fatal(err)
	}
	for _, deadline := range []time.Time{time.Now().Add(time.Minute), {}} {
		c.Bind(context.Background(), deadline)
		time.AfterFunc(40*time.Millisecond, func() { release <- struct{}{} })
		if err := exchange(c, &m); err != nil {
			t.Fatal(err)
		}
	}
	_ = c.Close()
}

// TestShortExchangesWithContext counts the deadlines that are set because of a
// cancellable context.
func TestShortExchangesWithContext(t *testing.T) {
	c, counting := counted(t, respond(t, newTransport(t), echo))
	ctx := t.Context()
	var m transport.Message
	begun := time.Now()
	for range 1000 {
		c.Bind(ctx, time.Now().Add(time.Minute))
		if err := exchange(c, &m); err != nil {
			t.Fatal(err)
		}
	}
	// Only an exchange that is still running at the second check is woken, and sets a
	// deadline again.
	most := 1 + 2*int64(time.Since(begun)/time.Millisecond)
	if reads, writes := counting.reads.Load(), counting.writes.Load(); reads > most || writes != 0 {
		t.Errorf("got %d read and %d write deadlines, want at most %d and 0", reads, writes, most)
	}
	_ = c.Close()
}
