// SPDX-License-Identifier: Apache-2.0

package tcp_test

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"testing"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp"
)

func TestUnary(t *testing.T) {
	for _, inline := range []bool{true, false} {
		t.Run(fmt.Sprintf("inline %t", inline), func(t *testing.T) {
			address := serve(t, tcp.ServerConfig{Handler: echo, Inline: inline})
			c := dial(t, newTransport(t), address)
			box := make(mailbox, 1)
			for _, size := range []int{0, 1, 100, 1 << 10, 64<<10 - 7, 64 << 10, 64<<10 + 7, 1 << 20, 4 << 20} {
				body := bytes.Repeat([]byte{byte(size)}, size)
				for range 3 {
					if _, err := c.Begin(request(body), box, uint64(size)); err != nil {
						t.Fatal(err)
					}
					d := box.next(t)
					if d.err != nil || d.token != uint64(size) || !bytes.Equal(d.m.Body, body) || !slices.Equal(d.m.Header, replyHeader) {
						t.Fatalf("size %d: got %d bytes, header %v, token %d, error %v", size, len(d.m.Body), d.m.Header, d.token, d.err)
					}
				}
			}
			if running, begun := c.Load(); running != 0 || begun != 27 {
				t.Errorf("got %d running and %d begun, want 0 and 27", running, begun)
			}
		})
	}
}

func TestUnaryFromMany(t *testing.T) {
	for _, inline := range []bool{true, false} {
		t.Run(fmt.Sprintf("inline %t", inline), func(t *testing.T) {
			address := serve(t, tcp.ServerConfig{Handler: echo, Inline: inline})
			c := dial(t, newTransport(t), address)
			var wg sync.WaitGroup
			for caller := range 64 {
				wg.Go(func() {
					box := make(mailbox, 1)
					for n := range 100 {
						body := bytes.Repeat([]byte{byte(caller), byte(n)}, 1+caller*n%700)
						if _, err := c.Begin(request(body), box, uint64(n)); err != nil {
							t.Error(err)
							return
						}
						d := <-box
						if d.err != nil || d.token != uint64(n) || !bytes.Equal(d.m.Body, body) {
							t.Errorf("caller %d: got %d bytes, token %d, error %v", caller, len(d.m.Body), d.token, d.err)
							return
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

func TestSendRecv(t *testing.T) {
	address := serve(t, tcp.ServerConfig{Handler: echo})
	var c transport.Conn = dial(t, newTransport(t), address)
	for range 3 {
		if err := c.Send(request([]byte("one at a time"))); err != nil {
			t.Fatal(err)
		}
		var m transport.Message
		if err := c.Recv(&m); err != nil || string(m.Body) != "one at a time" {
			t.Fatalf("got %q, %v", m.Body, err)
		}
	}
}
