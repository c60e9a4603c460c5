// SPDX-License-Identifier: Apache-2.0

package grpc_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// scripted listens and runs serve on every connection, which is closed afterwards.
func scripted(t testing.TB, serve func(raw net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			raw, err := l.Accept()
			if err != nil {
				return
			}
			_ = raw.SetDeadline(time.Now().Add(patience))
			group.Go(func() {
				defer func() { _ = raw.Close() }()
				serve(raw)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		group.Wait()
	})
	return l.Addr().String()
}

// seen is a request as received.
type seen struct {
	fields []hpack.HeaderField
	data   []byte
}

func (s *seen) get(name string) string {
	for _, f := range s.fields {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// peer is a server that writes HTTP/2 frames itself.
type peer struct {
	framer *http2.Framer
	raw    net.Conn
	out    bytes.Buffer
	hpack  *hpack.Encoder
}

// handmade runs serve after the HTTP/2 prefaces; settings are those of the server.
func handmade(t testing.TB, serve func(p *peer), settings ...http2.Setting) (address string) {
	t.Helper()
	return scripted(t, func(raw net.Conn) {
		p := &peer{raw: raw, framer: http2.NewFramer(raw, raw)}
		p.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
		p.hpack = hpack.NewEncoder(&p.out)
		if _, err := io.ReadFull(raw, make([]byte, len(http2.ClientPreface))); err != nil {
			return
		}
		if p.framer.WriteSettings(settings...) == nil {
			serve(p)
		}
	})
}

var errFrame = errors.New("not the frame that was awaited")

// request reads a request until its end, or until its headers if headersOnly.
func (p *peer) request(headersOnly bool) (*seen, error) {
	if headersOnly {
		return p.requestUntil(func(s *seen) bool { return len(s.fields) > 0 })
	}
	return p.requestUntil(nil)
}

// requestUntil reads a request until its end, or until complete says so.
func (p *peer) requestUntil(complete func(*seen) bool) (*seen, error) {
	s := &seen{}
	for {
		frame, err := p.framer.ReadFrame()
		if err != nil {
			return nil, err
		}
		ended := false
		switch f := frame.(type) {
		case *http2.MetaHeadersFrame:
			s.fields, ended = f.Fields, f.StreamEnded()
		case *http2.DataFrame:
			s.data, ended = append(s.data, f.Data()...), f.StreamEnded()
		case *http2.SettingsFrame:
			if !f.IsAck() {
				err = p.framer.WriteSettingsAck()
			}
		case *http2.PingFrame:
			if !f.IsAck() {
				err = p.framer.WritePing(true, f.Data)
			}
		case *http2.GoAwayFrame:
			err = errFrame
		}
		if err != nil {
			return nil, err
		}
		if ended || complete != nil && complete(s) {
			return s, nil
		}
	}
}

// headers writes a HEADERS frame; pairs are name, value.
func (p *peer) headers(end bool, pairs ...string) {
	p.out.Reset()
	for i := 0; i < len(pairs); i += 2 {
		_ = p.hpack.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]})
	}
	_ = p.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: p.out.Bytes(), EndHeaders: true, EndStream: end})
}

func (p *peer) header() { p.headers(false, ":status", "200", "content-type", "application/grpc") }

// rest reads until the client closes the connection.
func (p *peer) rest() {
	for {
		if _, err := p.request(true); err != nil {
			return
		}
	}
}
