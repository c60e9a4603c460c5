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

// Option changes how a [Broker], [Registry] or [Transport] is made. Options are
// applied in order; a later one replaces an earlier one. One that does not
// concern what is made has no effect.
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

// WithURL names the servers of one cluster, "nats://host:port" or
// "tls://host:port", of which one is connected to. Defaults to [DefaultURL].
func WithURL(urls ...string) Option {
	return optionFunc(func(c *config) error {
		if strings.TrimSpace(strings.Join(urls, "")) == "" {
			return errors.New("nats: no URL, leave the option out for the default")
		}
		c.urls = urls
		return nil
	})
}

// WithConn makes use of a connection that exists, so that broker, registry and
// transport, or the program's own work, share one. It is not closed with them,
// and options about connecting do not change it. Make it with
// ReconnectBufSize(-1), lest what is published in the moment of a loss is kept
// and sent later, and with MaxReconnects(-1).
func WithConn(conn *natsio.Conn) Option {
	return optionFunc(func(c *config) error {
		if conn == nil {
			return errors.New("nats: nil connection, leave the option out for one of our own")
		}
		c.conn = conn
		return nil
	})
}

// WithTLS secures the connection. Verification is on unless the configuration
// itself turns it off. Defaults to what the URL says.
func WithTLS(t *tls.Config) Option {
	return WithOptions(natsio.Secure(t.Clone()))
}

// WithCredentials names the file with the JWT and the key of the user, as
// "nsc" writes it. It is read on each connecting. Defaults to no credentials.
func WithCredentials(file string) Option {
	return WithOptions(natsio.UserCredentials(file))
}

// WithUser gives the name and password of the user. Defaults to what the URL
// says.
func WithUser(name, password string) Option {
	return WithOptions(natsio.UserInfo(name, password))
}

// WithOptions adds options of nats.go itself, applied after ours.
func WithOptions(opts ...natsio.Option) Option {
	return optionFunc(func(c *config) error {
		c.natsOptions = append(c.natsOptions, opts...)
		return nil
	})
}

// WithTimeout bounds connecting to one server, and each wait for a
// confirmation of the server beside the caller's context; more than zero.
// Defaults to [DefaultTimeout].
func WithTimeout(d time.Duration) Option {
	return optionFunc(func(c *config) error {
		if d <= 0 {
			return fmt.Errorf("nats: timeout of %s, want more than 0", d)
		}
		c.timeout = d
		return nil
	})
}

// WithErrorFunc names a function that is told of errors that concern no call:
// a lost connection, a refused permission, a query that could not be answered.
// It is called by many goroutines at once and must not block. Defaults to nil,
// which drops them.
func WithErrorFunc(f func(error)) Option {
	return optionFunc(func(c *config) error {
		c.onError = f
		return nil
	})
}

// WithoutConfirmation makes Publish of a [Broker] return once the message is
// in the connection's buffer. It is faster by a round trip to the server, and
// what the connection loses afterwards is lost without an error.
func WithoutConfirmation() Option {
	return optionFunc(func(c *config) error {
		c.unconfirmed = true
		return nil
	})
}

// WithCollect is how long a [Registry] collects answers, more than zero. It is
// what a Lookup takes unless there is a quorum. Defaults to [DefaultCollect].
func WithCollect(d time.Duration) Option {
	return optionFunc(func(c *config) error {
		if d <= 0 {
			return fmt.Errorf("nats: collecting for %s, want more than 0", d)
		}
		c.collect = d
		return nil
	})
}

// WithQuorum makes a Lookup of a [Registry] return once so many answers have
// come; each is one version of a service at one of its owners. Not negative.
// Defaults to 0, which waits for all that come in time.
func WithQuorum(answers int) Option {
	return optionFunc(func(c *config) error {
		if answers < 0 {
			return fmt.Errorf("nats: quorum of %d answers, want 0 or more", answers)
		}
		c.quorum = answers
		return nil
	})
}
