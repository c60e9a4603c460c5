// SPDX-License-Identifier: Apache-2.0

package grpc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/peer"

	"example.com/mailcall/transport/internal/endpoint"
)

// server is the gRPC server of a listener. Its connections outlive the listener; the
// server stops with the last of them.
type server struct {
	net.Listener

	address string
	grpc    *grpc.Server
	served  chan struct{} // closed when the server accepts no more connections

	mu     sync.Mutex
	open   int  // connections; guarded by mu
	closed bool // guarded by mu
	once   sync.Once
}

// serverOptions returns the options that both kinds of listeners have.
func (c *config) serverOptions(arrived func(*socketConn)) ([]grpc.ServerOption, error) {
	creds := insecure.NewCredentials()
	if t := c.tls; t != nil {
		if err := endpoint.CheckServerTLS(t); err != nil {
			return nil, err
		}
		creds = credentials.NewTLS(t)
	}
	return []grpc.ServerOption{
		grpc.Creds(&serverCreds{TransportCredentials: creds, arrived: arrived}),
		grpc.MaxConcurrentStreams(uint32(c.maxStreams)),
	}, nil
}

// start serves until the listener is closed.
func (s *server) start() {
	go func() {
		defer close(s.served)
		_ = s.grpc.Serve(s) // it returns when the socket is closed
	}()
}

// Address returns the address that clients dial.
func (s *server) Address() string { return s.address }

// Close is called by gRPC's library when it stops; the socket is closed before that.
func (s *server) Close() error { return nil }

// shut stops listening. Accepted connections stay open.
func (s *server) shut() error {
	s.mu.Lock()
	again := s.closed
	s.closed = true
	idle := s.open == 0
	s.mu.Unlock()
	if again {
		return nil
	}
	err := s.Listener.Close()
	<-s.served
	if idle {
		s.stop()
	}
	if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

func (s *server) stop() { s.once.Do(s.grpc.Stop) }

// Accept implements [net.Listener] for gRPC's library.
func (s *server) Accept() (net.Conn, error) {
	raw, err := s.Listener.Accept()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = raw.Close() // accepted after shut
		return nil, net.ErrClosed
	}
	s.open++
	return &socketConn{Conn: raw, server: s, gone: make(chan struct{})}, nil
}

// leave counts a connection that has been closed.
func (s *server) leave() {
	s.mu.Lock()
	s.open--
	last := s.closed && s.open == 0
	s.mu.Unlock()
	if last {
		go s.stop() // it waits for the goroutine that calls leave
	}
}

// serverCreds wraps credentials to see each connection whose handshake is done.
type serverCreds struct {
	credentials.TransportCredentials

	arrived func(*socketConn) // called with each connection, may be nil
}

// ServerHandshake implements [credentials.TransportCredentials].
func (d *serverCreds) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	secured, info, err := d.TransportCredentials.ServerHandshake(raw)
	if err != nil {
		return nil, nil, err
	}
	c, ok := raw.(*socketConn)
	if !ok {
		return nil, nil, fmt.Errorf("a connection of type %T that the listener did not accept", raw)
	}
	if d.arrived != nil {
		d.arrived(c)
	}
	return secured, identity{AuthInfo: info, conn: c}, nil
}

// Clone implements [credentials.TransportCredentials].
func (d *serverCreds) Clone() credentials.TransportCredentials {
	return &serverCreds{TransportCredentials: d.TransportCredentials.Clone(), arrived: d.arrived}
}

// socketConn is one connection of a server.
type socketConn struct {
	net.Conn

	server *server
	once   sync.Once
	gone   chan struct{} // closed with the connection
	owner  any           // the listener's end of the connection
}

// Close implements [net.Conn].
func (c *socketConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() {
		close(c.gone)
		c.server.leave()
	})
	return err
}

// LocalAddress implements [transport.Peer].
func (c *socketConn) LocalAddress() string { return c.LocalAddr().String() }

// RemoteAddress implements [transport.Peer].
func (c *socketConn) RemoteAddress() string { return c.RemoteAddr().String() }

// identity makes the connection known to the calls that arrive on it.
type identity struct {
	credentials.AuthInfo

	conn *socketConn
}

// connOf returns the connection of a call.
func connOf(ctx context.Context) (*socketConn, error) {
	if p, ok := peer.FromContext(ctx); ok {
		if id, ok := p.AuthInfo.(identity); ok {
			return id.conn, nil
		}
	}
	return nil, fmt.Errorf("grpc transport: a call without a connection: %w", net.ErrClosed)
}
