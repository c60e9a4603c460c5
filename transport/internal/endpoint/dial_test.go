// SPDX-License-Identifier: Apache-2.0

package endpoint_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/mailcall/transport/internal/endpoint"
)

func named(port string) endpoint.Endpoint {
	return endpoint.Endpoint{Network: endpoint.TCP, Address: "node.test:" + port, Host: "node.test"}
}

func TestDialNextAddressAfterRefusal(t *testing.T) {
	for _, up := range []string{"127.0.0.1", "127.0.0.2", "::1"} {
		t.Run(up, func(t *testing.T) {
			_, port := listen(t, net.JoinHostPort(up, "0"))
			clock := newHands() // never fires: a failed attempt starts the next
			d := endpoint.Dialer{Resolve: resolving("127.0.0.1", "127.0.0.2", "127.0.0.3", "::1"), Clock: clock}
			c, err := d.Dial(t.Context(), named(port))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if got, _, _ := net.SplitHostPort(c.RemoteAddr().String()); got != up {
				t.Errorf("got a connection to %s, want %s", got, up)
			}
		})
	}
}

func TestDialJoinsErrors(t *testing.T) {
	ln, port := listen(t, "127.0.0.1:0")
	_ = ln.Close()
	d := endpoint.Dialer{Resolve: resolving("127.0.0.1", "127.0.0.2")}
	_, err := d.Dial(t.Context(), named(port))
	var attempts *endpoint.AttemptsError
	if !errors.Is(err, syscall.ECONNREFUSED) || !errors.As(err, &attempts) || len(attempts.Attempts) != 2 {
		t.Fatalf("got %v, want two refusals", err)
	}
	for _, want := range []string{"none of the 2 addresses of node.test:" + port, "127.0.0.1:", "127.0.0.2:", "; "} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want %q in it", err, want)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("got %q, want one line", err)
	}
}

func TestDialResolves(t *testing.T) {
	tests := map[string]struct {
		resolve func(context.Context, string) ([]netip.Addr, error)
		want    string
	}{
		"unknown name": {resolving(), "no address"},
		"no such host": {func(ctx context.Context, _ string) ([]netip.Addr, error) { return resolving()(ctx, "other.test") }, "no such host"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := endpoint.Dialer{Resolve: tt.resolve}
			if _, err := d.Dial(t.Context(), named("80")); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
	t.Run("ended context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := new(endpoint.Dialer).Dial(ctx, named("80")); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want canceled", err)
		}
	})
}

// attempts records the calls of Connect, each of which blocks until the test lets it go on.
type attempts struct {
	mu    sync.Mutex
	cues  map[string]chan error
	begun chan string
	ends  []*end
}

// end is a connection that records whether it was closed.
type end struct {
	net.Conn
	address string
	closed  chan struct{}
}

func (e *end) Close() error { close(e.closed); return nil }

func newAttempts(addresses ...string) *attempts {
	a := &attempts{cues: map[string]chan error{}, begun: make(chan string, 16)}
	for _, s := range addresses {
		a.cues[s] = make(chan error, 1)
	}
	return a
}

func (a *attempts) connect(ctx context.Context, _, address string) (net.Conn, error) {
	a.begun <- address
	select {
	case err := <-a.cues[address]:
		if err != nil {
			return nil, err
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return a.made(address), nil
}

func (a *attempts) made(address string) *end {
	e := &end{address: address, closed: make(chan struct{})}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ends = append(a.ends, e)
	return e
}

const (
	first  = "192.0.2.1:80"
	second = "[2001:db8::1]:80"
	third  = "192.0.2.2:80"
)

// racing starts a dial whose clock the test advances.
func racing(ctx context.Context, a *attempts) (h *hands, done chan result) {
	h, done = newHands(), make(chan result, 1)
	d := endpoint.Dialer{
		// Both families, and one address in two forms.
		Resolve: resolving("192.0.2.1", "192.0.2.2", "::ffff:192.0.2.1", "2001:db8::1"),
		Connect: a.connect, Clock: h,
	}
	go func() {
		c, err := d.Dial(ctx, named("80"))
		done <- result{c, err}
	}()
	return h, done
}

type result struct {
	conn net.Conn
	err  error
}

func TestRaceTakesFamiliesByTurns(t *testing.T) {
	a := newAttempts(first, second, third)
	h, done := racing(t.Context(), a)
	fire := <-h.timers
	order := []string{<-a.begun}
	for range 2 {
		if got := <-h.resets; got != 250*time.Millisecond {
			t.Errorf("got a delay of %s, want 250ms", got)
		}
		fire()
		order = append(order, <-a.begun)
	}
	if want := []string{first, second, third}; !slices.Equal(order, want) {
		t.Errorf("got attempts %v, want %v", order, want)
	}
	a.cues[second] <- nil
	if got := <-done; got.err != nil || got.conn.(*end).address != second {
		t.Errorf("got %+v, want the second", got)
	}
}

func TestRaceStartsNextAfterFailure(t *testing.T) {
	a := newAttempts(first, second, third)
	h, done := racing(t.Context(), a)
	<-h.timers
	refused := errors.New("refused")
	for _, address := range []string{first, second, third} {
		if got := <-a.begun; got != address {
			t.Errorf("got attempt %s, want %s", got, address)
		}
		a.cues[address] <- refused
	}
	if got := <-done; !errors.Is(got.err, refused) || strings.Count(got.err.Error(), "refused") != 3 {
		t.Errorf("got %v, want three refusals", got.err)
	}
}

func TestRaceClosesLosers(t *testing.T) {
	a := newAttempts(first, second, third)
	h := newHands()
	var late sync.WaitGroup
	loser := make(chan *end, 1)
	d := endpoint.Dialer{
		Resolve: resolving("192.0.2.1", "2001:db8::1"), Clock: h,
		Connect: func(ctx context.Context, network, address string) (net.Conn, error) {
			if address == second {
				return a.connect(ctx, network, address)
			}
			a.begun <- address
			<-ctx.Done() // it is cancelled, and returns a connection nevertheless
			e := a.made(address)
			loser <- e
			return e, nil
		},
	}
	late.Go(func() {
		<-a.begun
		(<-h.timers)()
		<-a.begun
		a.cues[second] <- nil
	})
	c, err := d.Dial(t.Context(), named("80"))
	if err != nil {
		t.Fatal(err)
	}
	late.Wait()
	<-(<-loser).closed
	select {
	case <-c.(*end).closed:
		t.Error("got the winner closed, want it open")
	default:
	}
}

func TestRaceEndsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	a := newAttempts(first, second, third)
	h, done := racing(ctx, a)
	<-a.begun
	<-h.timers
	a.cues[first] <- errors.New("refused")
	<-a.begun
	cancel()
	got := <-done
	if !errors.Is(got.err, context.Canceled) || got.conn != nil {
		t.Fatalf("got %v, want canceled", got.err)
	}
	for _, want := range []string{"none of the 3 addresses", "refused", third} {
		if !strings.Contains(got.err.Error(), want) {
			t.Errorf("got %q, want %q in it", got.err, want)
		}
	}
}

func TestDialManyAddresses(t *testing.T) {
	var list []string
	for i := range 100 {
		list = append(list, netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}).String())
	}
	d := endpoint.Dialer{
		Resolve: resolving(list...),
		Connect: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("refused") },
	}
	_, err := d.Dial(t.Context(), named("80"))
	if err == nil || strings.Count(err.Error(), "refused") != endpoint.MaxAddresses {
		t.Errorf("got %v, want %d refusals", err, endpoint.MaxAddresses)
	}
}

func TestDialLocalhost(t *testing.T) {
	_, port := listen(t, "127.0.0.1:0")
	e, err := endpoint.Parse("localhost:" + port)
	if err != nil {
		t.Fatal(err)
	}
	c, err := new(endpoint.Dialer).Dial(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}
