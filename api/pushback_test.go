// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp"
)

// refusing is a server that refuses its first exchange, with a time to try again after,
// and answers the others. times receives when each arrived.
func refusing(t *testing.T, over *tcp.Transport, pause time.Duration) (address string, times <-chan time.Time) {
	t.Helper()
	l, err := over.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	arrived := make(chan time.Time, 2)
	served := make(chan struct{})
	t.Cleanup(func() {
		_ = l.Close()
		<-served
	})
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
			arrived <- time.Now()
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
	return l.Address(), arrived
}

// TestPushback: a server that refuses an exchange says when to try again, and
// is left alone until then.
func TestPushback(t *testing.T) {
	const pause = 60 * time.Millisecond
	over, err := tcp.New()
	if err != nil {
		t.Fatal(err)
	}
	address, times := refusing(t, over, pause)
	c := start(t, api.WithTransport(over), api.WithAddress(address))
	if err := greetAnn(within(t), c); err != nil {
		t.Fatal(err)
	}
	first, second := <-times, <-times
	if got := second.Sub(first); got < pause {
		t.Errorf("got another attempt after %s, want none before %s", got, pause)
	}
}

// TestRefusedAttemptHasWaited: a refusal proves that nothing was executed, but the request
// was sent, and the attempt waited for the answer.
func TestRefusedAttemptHasWaited(t *testing.T) {
	over, err := tcp.New()
	if err != nil {
		t.Fatal(err)
	}
	address, _ := refusing(t, over, time.Millisecond)
	c := start(t, api.WithTransport(over), api.WithAddress(address), api.WithRetries(0))
	if a, n := last(t, greetAnn(within(t), c)); n != 1 || a.Phase != rpcerr.PhaseWait || a.Proof != rpcerr.NotSent {
		t.Errorf("got %d attempts, phase %v and proof %v, want 1, %v and %v", n, a.Phase, a.Proof, rpcerr.PhaseWait, rpcerr.NotSent)
	}
}
