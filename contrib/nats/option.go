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
	// DefaultURL is the default of [WithURL].
	DefaultURL = natsio.DefaultURL
	// DefaultTimeout is the default of [WithTimeout]: 5 seconds, go-micro's dial
	// timeout.
	DefaultTimeout = 5 * time.Second
	// DefaultCollect is the default of [WithCollect]: 100 ms, go-micro's registry
	// timeout.
	DefaultCollect = 100 * time.Millisecond
)

// Option configures a [Broker], [Registry] or [Transport]. Options are applied in
// order; a later one overrides an earlier one. One that does not apply to the type has
// no effect, and neither has nil.
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
	var errs []error
	for _, opt := range opts {
		if opt == nil {
			continue // nil options are ignored
		}
		if err := opt.apply(&c); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return config{}, errors.Join(errs...)
	}
	return c, nil
}

// WithURL sets the URLs of the servers of one cluster, "nats://host:port" or
// "tls://host:port"; the client connects to one of them. The default is [DefaultURL].
func WithURL(urls ...string) Option {
	return optionFunc(func(c *config) error {
		if strings.TrimSpace(strings.Join(urls, "")) == "" {
			return errors.New("nats: no URL, leave the option out for the default")
		}
		c.urls = urls
		return nil
	})
}

// WithConn uses an existing connection, which broker, registry, transport and the
// program itself may share. It is not closed with them, and options about connecting do
// not affect it. Open it with ReconnectBufSize(-1), so that messages published while it
// is lost are not buffered and sent later, and with MaxReconnects(-1).
func WithConn(conn *natsio.Conn) Option {
	return optionFunc(func(c *config) error {
		if conn == nil {
			return errors.New("nats: nil connection, leave the option out for a separate connection")
		}
		c.conn = conn
		return nil
	})
}

// WithTLS secures the connection. Certificates are verified unless the configuration
// turns that off. By default the URL decides.
func WithTLS(t *tls.Config) Option {
	return WithOptions(natsio.Secure(t.Clone()))
}

// WithCredentials sets the file with the user's JWT and key, as written by "nsc". It is
// read on each connect. The default is no credentials.
func WithCredentials(file string) Option {
	return WithOptions(natsio.UserCredentials(file))
}

// WithUser sets the user name and password. By default those of the URL are used.
func WithUser(name, password string) Option {
	return WithOptions(natsio.UserInfo(name, password))
}

// WithOptions adds options of nats.go, which are applied last.
func WithOptions(opts ...natsio.Option) Option {
	return optionFunc(func(c *config) error {
		c.natsOptions = append(c.natsOptions, opts...)
		return nil
	})
}

// WithTimeout bounds connecting to one server, and each wait for a confirmation of the
// server, in addition to the caller's context; it must be positive. The default is
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

// WithErrorFunc sets a function that receives errors that belong to no call: a lost
// connection, a permission error, a query that could not be answered. It must be safe
// for concurrent use and must not block. The default is nil, which drops them.
func WithErrorFunc(f func(error)) Option {
	return optionFunc(func(c *config) error {
		c.onError = f
		return nil
	})
}

// WithoutConfirmation makes Publish of a [Broker] return once the message is in the
// connection's buffer. That saves a round trip to the server, but what is lost with the
// connection afterwards is lost without an error.
func WithoutConfirmation() Option {
	return optionFunc(func(c *config) error {
		c.unconfirmed = true
		return nil
	})
}

// WithCollect sets how long a [Registry] collects answers; it must be positive. A
// Lookup takes that long unless a quorum is reached before. The default is
// [DefaultCollect].
func WithCollect(d time.Duration) Option {
	return optionFunc(func(c *config) error {
		if d <= 0 {
			return fmt.Errorf("nats: collecting for %s, want more than 0", d)
		}
		c.collect = d
		return nil
	})
}

// WithQuorum makes a Lookup of a [Registry] return after that many answers; each is one
// version of a service from one process. It must not be negative. The default is 0,
// which waits for the time of [WithCollect].
func WithQuorum(answers int) Option {
	return optionFunc(func(c *config) error {
		if answers < 0 {
			return fmt.Errorf("nats: quorum of %d answers, want 0 or more", answers)
		}
		c.quorum = answers
		return nil
	})
}
