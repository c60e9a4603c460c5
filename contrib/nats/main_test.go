// SPDX-License-Identifier: Apache-2.0

package nats_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	natsio "github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"example.com/mailcall/contrib/nats"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// The embedded server starts it with the first connection and keeps it.
		goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.(*Server).remoteLatencyUpdate"),
	)
}

const patience = 20 * time.Second

// start runs a server on a free port of the loopback interface.
func start(t testing.TB, change func(*server.Options)) *server.Server {
	t.Helper()
	opts := &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, MaxPayload: 8 << 20}
	if change != nil {
		change(opts)
	}
	s, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { stop(s) })
	if !s.ReadyForConnections(patience) {
		t.Fatal("the server is not ready")
	}
	return s
}

func stop(s *server.Server) {
	s.Shutdown()
	s.WaitForShutdown()
}

// connect is a plain connection, for what go-micro would see.
func connect(t testing.TB, s *server.Server) *natsio.Conn {
	t.Helper()
	nc, err := natsio.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func newBroker(t testing.TB, url string, opts ...nats.Option) *nats.Broker {
	t.Helper()
	b, err := nats.NewBroker(append([]nats.Option{nats.WithURL(url)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return b
}

func newRegistry(t testing.TB, url string, opts ...nats.Option) *nats.Registry {
	t.Helper()
	r, err := nats.NewRegistry(append([]nats.Option{nats.WithURL(url)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return r
}

func newTransport(t testing.TB, url string, opts ...nats.Option) *nats.Transport {
	t.Helper()
	tr, err := nats.NewTransport(append([]nats.Option{nats.WithURL(url)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tr.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return tr
}

// next is the next message of a plain subscription.
func next(t testing.TB, sub *natsio.Subscription) *natsio.Msg {
	t.Helper()
	m, err := sub.NextMsg(patience)
	if err != nil {
		t.Fatalf("got no message: %v", err)
	}
	return m
}

func listen(t testing.TB, nc *natsio.Conn, subject string) *natsio.Subscription {
	t.Helper()
	sub, err := nc.SubscribeSync(subject)
	if err == nil {
		err = nc.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	return sub
}
