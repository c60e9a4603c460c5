// SPDX-License-Identifier: Apache-2.0

package http

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"example.com/mailcall/broker"
	"example.com/mailcall/broker/envelope"
	"example.com/mailcall/rpcerr"
)

const (
	serverID  = "go.micro.broker" // of error texts; go-micro's value
	handling  = 64                // requests whose bodies are read at a time; bounds memory
	headBytes = 64 << 10          // of a request head, the HTTP transport's limit
	headTime  = 5 * time.Second   // for a request head; go-micro's transport's value
	answering = time.Second       // for answers that are being written during Close
)

// server is the listener of a broker with its subscriptions.
type server struct {
	b       *Broker
	http    *http.Server
	address string // the one that is announced
	secure  bool
	tokens  chan struct{}
	work    sync.WaitGroup // Serve, the connections and the requests

	mu     sync.Mutex
	subs   map[string]*subscription // by node id
	closed bool
}

// listening returns the broker's server; the first call starts it.
func (b *Broker) listening() (*server, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, broker.ErrClosed
	}
	if b.server != nil {
		return b.server, nil
	}
	ln, err := net.Listen("tcp", b.listen)
	if err != nil {
		return nil, err
	}
	address, err := advertised(b.advertise, ln.Addr().String())
	if err != nil {
		_ = ln.Close() // it was not used
		return nil, err
	}
	s := &server{b: b, address: address, tokens: make(chan struct{}, handling), subs: make(map[string]*subscription)}
	if c := b.tls; c != nil && (len(c.Certificates) > 0 || c.GetCertificate != nil || c.GetConfigForClient != nil) {
		s.secure = true
		ln = tls.NewListener(ln, c.Clone())
	}
	s.http = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headTime,
		ReadTimeout:       b.timeout,
		WriteTimeout:      2 * b.timeout, // it counts from the head of the request
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headBytes,
		ConnState:         s.count,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}
	s.work.Go(func() { _ = s.http.Serve(ln) }) // it runs until close and always returns an error
	b.server = s
	return s, nil
}

// count counts connections, whose goroutines may outlive the requests: for example
// after a body that was not read to its end.
func (s *server) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.work.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.work.Done()
	case http.StateActive, http.StateIdle:
	}
}

// advertised returns the address to announce for a listener at actual.
func advertised(wanted, actual string) (string, error) {
	host, port, err := net.SplitHostPort(actual)
	if err != nil {
		return "", err
	}
	if wanted != "" {
		if _, _, err := net.SplitHostPort(wanted); err == nil {
			return wanted, nil
		}
		return net.JoinHostPort(wanted, port), nil
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		return "", fmt.Errorf("listening on all interfaces (%s): say with WithAdvertise how publishers reach this machine", actual)
	}
	return actual, nil
}

// ServeHTTP answers as go-micro's broker does, on any path: with an empty 200 if
// the message could be read, with 405 or 500 and an error text otherwise. If too
// many events are waiting for the subscriber, it answers 503.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		refuse(w, http.StatusServiceUnavailable, "the broker is closed")
		return
	}
	defer s.work.Done()
	if r.Method != http.MethodPost {
		refuse(w, http.StatusMethodNotAllowed, "a message comes with POST, not with "+r.Method)
		return
	}
	select {
	case s.tokens <- struct{}{}:
		defer func() { <-s.tokens }()
	case <-r.Context().Done():
		return
	}
	limit := envelope.MaxSize(s.b.maxMessage)
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(limit)))
	if err != nil {
		refuse(w, http.StatusInternalServerError, "the body could not be read: "+err.Error())
		return
	}
	m, err := envelope.Decode(data)
	if err != nil {
		refuse(w, http.StatusInternalServerError, "the body could not be parsed: "+err.Error())
		return
	}
	if len(m.Body) > s.b.maxMessage { // a smaller header leaves room for a larger body
		refuse(w, http.StatusInternalServerError, fmt.Sprintf("the message has %d bytes, the limit is %d", len(m.Body), s.b.maxMessage))
		return
	}
	topic := m.Header[keyMicro]
	if topic == "" {
		refuse(w, http.StatusInternalServerError, "the message has no topic, want it in the header "+keyMicro)
		return
	}
	s.mu.Lock()
	sub := s.subs[r.URL.Query().Get("id")]
	s.mu.Unlock()
	if sub != nil && sub.Topic() == topic {
		if err := sub.Offer(broker.Event{Topic: topic, Message: m}); errors.Is(err, broker.ErrFull) {
			refuse(w, http.StatusServiceUnavailable, err.Error())
		}
	}
}

// enter counts a request unless the server is closed.
func (s *server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.work.Add(1)
	return true
}

func refuse(w http.ResponseWriter, status int32, detail string) {
	http.Error(w, rpcerr.New(serverID, status, detail).Error(), int(status))
}

// farewell lets the requests that have arrived be answered: the handler of one of
// them may have closed the broker, and its publisher would take a closed
// connection for a failure.
func (s *server) farewell() {
	ctx, cancel := context.WithTimeout(context.Background(), answering) //nolint:forbidigo // it has a bound of its own
	defer cancel()
	_ = s.http.Shutdown(ctx) // connections that are left are closed afterwards
}

// close ends the subscriptions and the listener.
func (s *server) close() error {
	s.mu.Lock()
	s.closed = true
	subs := make([]*subscription, 0, len(s.subs))
	for _, sub := range s.subs {
		subs = append(subs, sub)
	}
	s.mu.Unlock()
	var (
		wg     sync.WaitGroup
		errs   = make([]error, len(subs)+1)
		tokens = make(chan struct{}, atOnce)
	)
	for i, sub := range subs {
		tokens <- struct{}{}
		wg.Go(func() {
			errs[i] = sub.Close()
			<-tokens
		})
	}
	wg.Wait()
	s.farewell()
	errs[len(subs)] = s.http.Close()
	s.work.Wait()
	return errors.Join(errs...)
}
