// SPDX-License-Identifier: Apache-2.0

package contender

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"

	"google.golang.org/protobuf/proto"

	"example.com/mailcall/bench/internal/wire"
)

// netHTTP is the standard library configured for speed: the transport without
// http.Client's redirects and cookies, an idle connection per caller, no compression,
// bodies drained so that connections are reused, and headers and buffers reused between
// calls.
type netHTTP struct {
	transport *http.Transport
	template  *http.Request
	plain     bool
	id        atomic.Uint64
	exchanges sync.Pool // of *exchange
}

// exchange has the reused objects of one call.
type exchange struct {
	header http.Header
	id     []string // the value of Micro-Id inside header
	body   []byte
	reply  bytes.Buffer
}

func newNetHTTP(c Config) (Contender, error) {
	target, err := url.Parse("http://" + c.Address + "/")
	if err != nil {
		return nil, fmt.Errorf("address: %w", err)
	}
	n := &netHTTP{
		transport: &http.Transport{
			MaxIdleConnsPerHost: c.Callers + 16,
			DisableCompression:  true,
		},
		plain: c.Plain,
		template: &http.Request{
			Method: http.MethodPost, URL: target, Host: c.Address,
			Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		},
	}
	n.exchanges.New = func() any {
		e := &exchange{header: make(http.Header), id: make([]string, 1)}
		for _, f := range c.fields() {
			e.header[f.Name] = []string{f.Value}
		}
		if !c.Plain {
			e.header[wire.HeaderID] = e.id
		}
		return e
	}
	return n, nil
}

// Caller implements [Contender].
func (n *netHTTP) Caller(int) (Caller, error) { return n, nil }

// Close implements [Contender].
func (n *netHTTP) Close() error {
	n.transport.CloseIdleConnections()
	return nil
}

// Call implements [Caller].
func (n *netHTTP) Call(ctx context.Context, req, rsp proto.Message) error {
	e := n.exchanges.Get().(*exchange)
	var err error
	if e.body, err = (proto.MarshalOptions{}).MarshalAppend(e.body[:0], req); err != nil {
		return err
	}
	if !n.plain {
		e.id[0] = strconv.FormatUint(n.id.Add(1)-1, 10)
	}
	out := n.template.WithContext(ctx)
	out.Header = e.header
	// The transport may still look for more in the reader when it has the reply, so
	// that is not reused.
	out.Body = io.NopCloser(bytes.NewReader(e.body))
	out.ContentLength = int64(len(e.body))
	in, err := n.transport.RoundTrip(out)
	if err != nil {
		return err // the transport may still read e, so it is not reused
	}
	if err = e.read(in); err != nil {
		return err
	}
	err = e.decode(in, rsp)
	n.exchanges.Put(e)
	return err
}

// read drains and closes the body of in.
func (e *exchange) read(in *http.Response) error {
	e.reply.Reset()
	_, err := e.reply.ReadFrom(io.LimitReader(in.Body, wire.MaxBody+1))
	if closed := in.Body.Close(); err == nil {
		err = closed
	}
	if err == nil && e.reply.Len() > wire.MaxBody {
		err = fmt.Errorf("%w: body over %d bytes", errReply, wire.MaxBody)
	}
	return err
}

func (e *exchange) decode(in *http.Response, rsp proto.Message) error {
	if in.StatusCode != http.StatusOK {
		return statusError(in.StatusCode)
	}
	fault, contentType := in.Header.Get(wire.HeaderError), in.Header.Get(wire.HeaderContentType)
	return decode(fault, contentType, e.reply.Bytes(), rsp)
}
