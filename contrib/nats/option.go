// SPDX-License-Identifier: Apache-2.0

package nats

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"

	natsio "github.com/nats-io/nats.go"
)

const (
	// DefaultURL is the server unless [WithURL] says otherwise.
	DefaultURL = natsio.DefaultURL
	// DefaultTimeout bounds connecting and each confirmation of the server
	// unless [WithTimeout] says otherwise: 5 seconds, go-micro's dial timeout.
	DefaultTimeout = 5 * time.Second
	// DefaultCollect is how long a registry waits for answers unless
	// [WithCollect] says otherwise: 100 ms, go-micro's registry timeout.
	DefaultCollect = 100 * time.Millisecond
)

// Option configures a [Broker], [Registry] or [Transport]. Options are applied in
// order; a later one replaces an earlier one. One that does not apply to what is made
// has no effect.
type Option interface{ apply(*config) error }

type optionFunc func(*config) error

func (f optionFunc) apply(c *config) error { return f(c) }

type config struct {
	conn        *natsio.Conn
	urls        []string
	natsOptions []natsio.Option
	timeout     time.Duration
	collect     time.Duration
	quorum      int
	unconfirmed bool
	onError     func(error)
}

func configure(opts []Option) (config, error) {
	c := config{timeout: DefaultTimeout, collect: DefaultCollect, urls: []string{DefaultURL}}
	for _, opt := range opts {
		if opt == nil {
			continue // nil options are ignored
		}
		if err := opt.apply(&c); err != nil {
			return config{}, err
		}
	}
	return c, nil
}

// WithURL sets the servers of one cluster, "nats://host:port" or "tls://host:port";
// the client connects to one of them. Defaults to [DefaultURL].
func WithURL(urls ...string) Option {
	return optionFunc(func(c *config) error {
		if strings.TrimSpace(strings.Join(urls, "")) == "" {
			return errors.New("nats: no URL, leave the option out for the default")
		}
		c.urls = urls
		return nil
	})
}

// WithConn uses an existing connection, so that broker, registry, transport and the
// rest of the program can share one. It is not closed with them, and options about
// connecting do not change it. Make it with ReconnectBufSize(-1), so that what is
// published while it is lost is not sent later, and with MaxReconnects(-1).
func WithConn(conn *natsio.Conn) Option {
	return optionFunc(func(c *config) error {
		if conn == nil {
			return errors.New("nats: nil connection, leave the option out for one of our own")
		}
		c.conn = conn
		return nil
	})
}

// WithTLS sets the TLS configuration. The server's certificate is verified unless the
// configuration turns that off. Defaults to what the URL says.
func WithTLS(t *tls.Config) Option {
	return WithOptions(natsio.Secure(t.Clone()))
}

// WithCredentials sets the file with the JWT and the key of the user, as written by
// "nsc". It is read for each connection. Defaults to no credentials.
func WithCredentials(file string) Option {
	return WithOptions(natsio.UserCredentials(file))
}

// WithUser sets the name and password of the user. Defaults to what the URL says.
func WithUser(name, password string) Option {
	return WithOptions(natsio.UserInfo(name, password))
}

// WithOptions adds options of nats.go, which are applied after those of this package.
func WithOptions(opts ...natsio.Option) Option {
	return optionFunc(func(c *config) error {
		c.natsOptions = append(c.natsOptions, opts...)
		return nil
	})
}

// WithTimeout bounds connecting to one server and, in addition to the caller's
// context, each wait for a confirmation of the server; more than 0. Defaults to
// [DefaultTimeout].
func WithTimeout(d time.Duration) Option {
	return optionFunc(func(c *config) error {
		if d <= 0 {
			return fmt.Errorf("nats: timeout of %s, want more than 0", d)
		}
		c.timeout = d
		return nil
	})
}

// WithErrorFunc sets a function that gets errors which belong to no call: a lost
// connection, a refused permission, a query that could not be answered. It is called
// by many goroutines at once and must not block. Defaults to nil, which drops them.
func WithErrorFunc(f func(error)) Option {
	return optionFunc(func(c *config) error {
		c.onError = f
		return nil
	})
}

// WithoutConfirmation makes Publish of a [Broker] return once the message is in the
// connection's buffer. That saves a round trip to the server, but a message that is
// lost afterwards is not reported.
func WithoutConfirmation() Option {
	return optionFunc(func(c *config) error {
		c.unconfirmed = true
		return nil
	})
}

// WithCollect sets how long a [Registry] collects answers, more than 0. A Lookup takes
// that long unless there is a quorum. Defaults to [DefaultCollect].
func WithCollect(d time.Duration) Option {
	return optionFunc(func(c *config) error {
		if d <= 0 {
			return fmt.Errorf("nats: collecting for %s, want more than 0", d)
		}
		c.collect = d
		return nil
	})
}

// WithQuorum makes a Lookup of a [Registry] return after this many answers; each is
// one version of a service from one process. 0 or more. Defaults to 0, which waits
// for all answers that arrive in time.
func WithQuorum(answers int) Option {
	return optionFunc(func(c *config) error {
		if answers < 0 {
			return fmt.Errorf("nats: quorum of %d answers, want 0 or more", answers)
		}
		c.quorum = answers
		return nil
	})
}
