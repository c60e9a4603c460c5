// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	defaultAddress = "127.0.0.1:0"
	// minToken is the shortest token that Serve takes: 64 bits in hexadecimal.
	minToken = 16

	// An answer is made at once, so these bound only how long a client may take to
	// send a request and to read the answer.
	headTimeout  = 5 * time.Second
	writeTimeout = 10 * time.Second
	idleTimeout  = time.Minute
	maxHeader    = 16 << 10
	// stopGrace is how long answers that are being written may take once ctx is
	// done.
	stopGrace = time.Second
)

// Serve listens at an address of its own until ctx is done: on a free port of the
// loopback unless [WithAddress] sets another one. An address other than the
// loopback needs a token of at least 16 bytes ([WithToken]).
//
// It returns once it listens. page is the URL of the page; it contains the token,
// if there is one, and then is a secret. wait blocks until serving has ended and
// returns why, nil if ctx was done. It may be called any number of times.
func Serve(ctx context.Context, rt Source, opts ...Option) (page string, wait func() error, err error) {
	c := configOf(opts)
	listener, err := c.listen(ctx)
	if err != nil {
		return "", nil, fmt.Errorf("inspect: %w", err)
	}
	server := &http.Server{
		Handler:           newHandler(rt, c),
		ReadHeaderTimeout: headTimeout,
		ReadTimeout:       headTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	done := make(chan struct{})
	var failure error
	go func() {
		defer close(done)
		failure = run(ctx, server, listener)
	}()
	return c.url(listener.Addr()), func() error {
		<-done
		return failure
	}, nil
}

// run serves until ctx is done.
func run(ctx context.Context, server *http.Server, listener net.Listener) error {
	stopped := make(chan struct{})
	release := context.AfterFunc(ctx, func() {
		defer close(stopped)
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
		defer cancel()
		if server.Shutdown(grace) != nil {
			_ = server.Close() // cuts what is still open
		}
	})
	err := server.Serve(listener)
	if release() {
		_ = server.Close() // Serve has failed, and err says why
		return fmt.Errorf("inspect: %w", err)
	}
	<-stopped
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("inspect: %w", err)
	}
	return nil
}

// listen resolves the address before it listens, so that a port beyond the loopback
// is never opened without a token.
func (c *config) listen(ctx context.Context) (net.Listener, error) {
	at, err := net.ResolveTCPAddr("tcp", c.address)
	if err != nil {
		return nil, fmt.Errorf("address %q: %w", c.address, err)
	}
	switch {
	case c.token != "" && len(c.token) < minToken:
		return nil, fmt.Errorf("the token has %d bytes, want at least %d (WithToken)", len(c.token), minToken)
	case c.token == "" && !at.IP.IsLoopback():
		return nil, fmt.Errorf("address %q is not on the loopback, so a token is needed (WithToken)", c.address)
	}
	if host, _, err := net.SplitHostPort(c.address); err == nil && host != "" {
		c.hosts = append(c.hosts, host)
	}
	if len(at.IP) > 0 {
		c.hosts = append(c.hosts, at.IP.String())
	}
	return new(net.ListenConfig).Listen(ctx, "tcp", at.String())
}

// url returns the URL of the page on this machine.
func (c *config) url(at net.Addr) string {
	host := at.String()
	if tcp, ok := at.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		host = net.JoinHostPort("localhost", strconv.Itoa(tcp.Port))
	}
	u := url.URL{Scheme: "http", Host: host, Path: "/"}
	if c.token != "" {
		u.RawQuery = url.Values{"token": {c.token}}.Encode()
	}
	return u.String()
}
