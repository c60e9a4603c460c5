// SPDX-License-Identifier: Apache-2.0

package chaos_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/tests/internal/kit"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http"
	"example.com/mailcall/transport/tcp"
)

// A connection that does not come about has its own bound, but that of the
// attempt or of the call may be shorter, or as long. Whichever ends the wait, the
// error says what the dial stood at.
func TestErrorSaysWhatTheDialStoodAt(t *testing.T) {
	silent := kit.NewSink(t).Address
	proxy := func(string) (*url.URL, error) { return &url.URL{Scheme: "http", Host: silent}, nil }
	hole := func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	shake := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true} // nobody answers
	for _, wire := range []struct {
		name    string
		over    transport.Transport
		address string
		at      string
	}{
		{"http connect", overHTTP(t, http.WithDialer(hole)), "10.0.0.7:80", "while connecting"},
		{"http tls", overHTTP(t, http.WithTLS(shake)), silent, "while shaking hands for TLS"},
		{"http proxy", overHTTP(t, http.WithProxy(proxy)), "10.0.0.7:80", "while waiting for the answer to CONNECT (proxy " + silent + ")"},
		{"http proxy connect", overHTTP(t, http.WithDialer(hole), http.WithProxy(proxy)), "10.0.0.7:80", "while connecting (proxy " + silent + ")"},
		{"tcp connect", overTCP(t, tcp.WithDialer(hole)), "10.0.0.7:80", "while connecting"},
		{"tcp tls", overTCP(t, tcp.WithTLS(shake)), silent, "while shaking hands for TLS"},
		{"tcp preface", overTCP(t), silent, "while waiting for the server's preface"},
	} {
		for _, bound := range []struct {
			name string
			opts []api.CallOption
			want error
		}{
			{"attempt", []api.CallOption{api.WithAttemptTimeout(shortly)}, rpcerr.ErrAttemptTimeout},
			{"attempt that may race", []api.CallOption{api.WithAttemptTimeout(shortly), api.WithIdempotent(true), api.WithHedge(time.Hour)}, rpcerr.ErrAttemptTimeout},
			{"call", []api.CallOption{api.WithRequestTimeout(shortly)}, context.DeadlineExceeded},
		} {
			t.Run(wire.name+"/"+bound.name, func(t *testing.T) {
				c := kit.Start(t, api.WithTransport(wire.over), api.WithAddress(wire.address), api.WithRetries(0), api.WithDialTimeout(time.Hour))
				err := kit.Call(context.Background(), c, bound.opts...)
				if !errors.Is(err, bound.want) || !strings.Contains(err.Error(), wire.at) {
					t.Errorf("got %v, want %v, %s", err, bound.want, wire.at)
				}
				if log := kit.Log(t, err); len(log) != 1 || log[0].Phase != rpcerr.PhaseDial || log[0].Proof != rpcerr.NotSent {
					t.Errorf("got %+v, want one attempt that ended in the dial", log)
				}
			})
		}
	}
}

const shortly = 300 * time.Millisecond

func overTCP(t *testing.T, opts ...tcp.Option) transport.Transport {
	t.Helper()
	over, err := tcp.New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	return over
}
