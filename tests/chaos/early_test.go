// SPDX-License-Identifier: Apache-2.0

package chaos_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"

	"example.com/mailcall/api"
	"example.com/mailcall/codec"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/tests/internal/kit"
	"example.com/mailcall/transport/http"
)

// A server refuses a long request and reads no more of it. Whichever way the
// exchange is carried, the caller gets the refusal, and not the end of its time.
func TestRefusalOfHalfARequest(t *testing.T) {
	const size = 32 << 20 // more than the buffers of a loopback socket hold
	never := func(context.Context, api.Request, int, error) (bool, error) { return false, nil }
	for _, v := range variants() {
		if v.bare {
			continue // such a connection writes, and then reads
		}
		t.Run(v.name, func(t *testing.T) {
			address := refusing(t, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 13\r\n\r\n1 MiB at most")
			c := v.client(t, overHTTP(t, http.WithMaxMessage(size)), api.WithAddress(address), api.WithRetry(never))
			req := c.NewRequest("greeter", "Greeter.Raw", &codec.Frame{Data: make([]byte, size)},
				api.WithContentType("application/octet-stream"))
			err := c.Call(kit.Within(t), req, new(codec.Frame), v.opts...)
			status, is := errors.AsType[*http.StatusError](err)
			if !is || status.Code != 413 || status.Body != "1 MiB at most" {
				t.Errorf("got %v, want the refusal", err)
			}
			if log := kit.Log(t, err); len(log) != 1 || log[0].Proof != rpcerr.SentUnknown {
				t.Errorf("got %+v, want one attempt of which it is not known what became", log)
			}
			kit.Settled(t, c)
		})
	}
}

// refusing starts a server that answers before it has read much, and holds its
// connections until the end of the test.
func refusing(t *testing.T, answer string) (address string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	over := make(chan struct{})
	work.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			work.Go(func() {
				defer func() { _ = conn.Close() }()
				_, _ = conn.Read(make([]byte, 1024))
				_, _ = io.WriteString(conn, answer)
				<-over
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		close(over)
		work.Wait()
	})
	return ln.Addr().String()
}
