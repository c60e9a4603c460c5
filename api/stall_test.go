// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"net"
	"net/url"
	"strings"
	"testing"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport/http"
)

// silent takes connections and never says a word on them.
func silent(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-over
	})
	return l.Addr().String()
}

// A peer that accepts the connection and does not shake hands is ended by the bound
// of the dial; the error names the bound, and how far the dial was.
func TestDialTimeoutIsNamedWhereTheHandshakeStalls(t *testing.T) {
	proxy := &url.URL{Scheme: "http", Host: silent(t)}
	through := http.WithProxy(func(string) (*url.URL, error) { return proxy, nil })
	for _, tc := range []struct {
		name, address, word string
		way                 http.Option
	}{
		{"TLS", "https://" + silent(t), "tls handshake", http.WithProxy(nil)},
		{"proxy", "192.0.2.1:80", "answer to CONNECT", through},
	} {
		t.Run(tc.name, func(t *testing.T) {
			over, err := http.New(tc.way)
			if err != nil {
				t.Fatal(err)
			}
			c := start(t, api.WithTransport(over), api.WithAddress(tc.address), api.WithDialTimeout(shortly/3), api.WithRetries(0))
			err = c.Call(within(t), c.NewRequest("greeter", hello, &greet.HelloRequest{}), &greet.HelloReply{})
			for _, want := range []string{"no connection within " + (shortly / 3).String() + " (DialTimeout)", tc.word} {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q in it", err, want)
				}
			}
			if a, n := last(t, err); n != 1 || a.Phase != rpcerr.PhaseDial || a.Proof != rpcerr.NotSent {
				t.Errorf("got %d attempts, phase %s and proof %s, want 1, dial and not-sent", n, a.Phase, a.Proof)
			}
		})
	}
}
