// SPDX-License-Identifier: Apache-2.0

package tcp_test

import (
	"crypto/tls"
	"strconv"
	"testing"
	"time"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp"
)

// wake is a mailbox that also wakes the leader.
type wake struct {
	mailbox
	woken chan struct{}
}

func (w wake) Deliver(token uint64, m *transport.Message, loan transport.Loan, err error) {
	w.mailbox.Deliver(token, m, loan, err)
	w.woken <- struct{}{}
}

// With TLS, too, a connection survives that reads are interrupted again and again, by
// nudges and because replies take long.
func TestLeaderIsTornOutOfReads(t *testing.T) {
	a := newAuthority(t)
	for name, opts := range map[string][2][]tcp.Option{
		"cleartext": {},
		"TLS": {
			{tcp.WithTLS(&tls.Config{Certificates: []tls.Certificate{a.pair(t)}})},
			{tcp.WithTLS(&tls.Config{RootCAs: a.pool})},
		},
	} {
		t.Run(name, func(t *testing.T) {
			address := listen(t, newTransport(t, opts[0]...), func(x transport.Incoming) {
				var m transport.Message
				if x.Recv(&m) != nil {
					return
				}
				if n, _ := strconv.Atoi(string(m.Body)); n%50 == 49 {
					<-time.After(5 * time.Millisecond)
				}
				_ = x.End(&m)
			})
			c := dial(t, newTransport(t, opts[1]...), address).(transport.Led)
			over, nudged := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(nudged)
				for {
					select {
					case <-over:
						return
					default:
						c.Nudge()
					}
				}
			}()
			for n := range 400 {
				w := wake{make(mailbox, 1), make(chan struct{}, 1)}
				_, lead, err := c.BeginLead(request([]byte(strconv.Itoa(n))), w, 1)
				if err != nil {
					t.Fatal(err)
				}
				if lead != 0 {
					c.Lead(lead, w.woken)
				}
				if d := w.next(t); d.err != nil || string(d.m.Body) != strconv.Itoa(n) {
					t.Fatalf("got %q, %v, want %d", d.m.Body, d.err, n)
				}
			}
			close(over)
			<-nudged
		})
	}
}
