// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp"
)

// TestPushback: a server that refuses an exchange says when to try again, and
// is left alone until then.
func TestPushback(t *testing.T) {
	const pause = 60 * time.Millisecond
	over, err := tcp.New()
	if err != nil {
		t.Fatal(err)
	}
	l, err := over.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	times := make(chan time.Time, 2)
	served := make(chan struct{})
	go func() {
		defer close(served)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		for n := 0; ; n++ {
			x, err := conn.(transport.Acceptor).Accept()
			if err != nil {
				return
			}
			times <- time.Now()
			if n == 0 {
				x.(tcp.Refuser).Refuse(tcp.Overloaded, pause, "too much to do")
				continue
			}
			body, err := proto.Marshal(&greet.HelloReply{Greeting: "Hello Ann"})
			if err != nil {
				t.Error(err)
			}
			_ = x.End(&transport.Message{Header: transport.Header{{Name: "Content-Type", Value: "application/protobuf"}}, Body: body})
		}
	}()
	c := start(t, api.WithTransport(over), api.WithAddress(l.Address()))
	if err := greetAnn(within(t), c); err != nil {
		t.Fatal(err)
	}
	first, second := <-times, <-times
	if got := second.Sub(first); got < pause {
		t.Errorf("got another attempt after %s, want none before %s", got, pause)
	}
	c.Close(t.Context())
	<-served
}
