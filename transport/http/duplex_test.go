// SPDX-License-Identifier: Apache-2.0

package http_test

import (
	"crypto/tls"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http"
)

// TestBothDirectionsAtOnce runs a stream: one goroutine sends, one receives,
// and a third sets bounds meanwhile.
func TestBothDirectionsAtOnce(t *testing.T) {
	a := newAuthority(t)
	for name, opts := range map[string][]http.Option{
		"cleartext": nil,
		"tls":       {http.WithTLS(&tls.Config{RootCAs: a.pool, Certificates: []tls.Certificate{a.pair(t)}})},
	} {
		t.Run(name, func(t *testing.T) {
			const messages = 300
			tr := newTransport(t, opts...)
			c := dial(t, tr, respond(t, tr, echo))
			ctx := t.Context()
			c.Bind(ctx, time.Now().Add(time.Minute))
			var wg sync.WaitGroup
			var sendErr error
			wg.Go(func() {
				for i := 0; i < messages && sendErr == nil; i++ {
					sendErr = c.Send(request(strconv.Itoa(i)))
				}
			})
			wg.Go(func() {
				for range messages {
					c.Bind(ctx, time.Now().Add(time.Minute))
				}
			})
			var m transport.Message
			for i := range messages {
				if err := c.Recv(&m); err != nil || string(m.Body) != strconv.Itoa(i) {
					t.Fatalf("got %q, %v, want %d", m.Body, err, i)
				}
			}
			wg.Wait()
			if sendErr != nil {
				t.Error(sendErr)
			}
			_ = c.Close()
		})
	}
}

// TestServerReadsAhead receives while the previous request is being answered, as a
// responder does that must notice when a client closes the connection.
func TestServerReadsAhead(t *testing.T) {
	client, server := pairUp(t)
	requests := make(chan string)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(requests)
		var m transport.Message
		for server.Recv(&m) == nil {
			requests <- string(m.Body)
		}
	})
	if _, err := client.Write([]byte("POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\naPOST / HTTP/1.1\r\nContent-Length: 1\r\n\r\nb")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		body := <-requests
		if err := server.Send(&transport.Message{Body: []byte(body)}); err != nil {
			t.Fatal(err)
		}
	}
	_ = client.Close()
	wg.Wait()
	if err := server.Send(request("x")); !errors.Is(err, transport.ErrNotSent) {
		t.Errorf("got %v, want ErrNotSent", err)
	}
}
