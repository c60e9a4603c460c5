// SPDX-License-Identifier: Apache-2.0

package server

import (
	"errors"
	"net"
	"sync/atomic"

	"google.golang.org/protobuf/proto"

	"example.com/mailcall/bench/internal/echo"
	"example.com/mailcall/bench/internal/wire"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp"
)

// tcpServer is mailcall's own protocol with its fast server and all defaults.
type tcpServer struct {
	*serving
	header   transport.Header // shared by all answers
	silent   bool
	stopped  chan struct{}
	requests atomic.Int64
}

// startTCP starts a server that runs handlers inline, or with a goroutine per call. A
// silent server blocks in each handler, so it needs the goroutines.
func startTCP(ln net.Listener, inline, silent bool) (Server, error) {
	s := &tcpServer{
		header: transport.Header{{Name: wire.HeaderContentType, Value: wire.ContentType}},
		silent: silent, stopped: make(chan struct{}),
	}
	t, err := tcp.NewServer(tcp.ServerConfig{Handler: s.call, Inline: inline, Streams: s.stream})
	if err != nil {
		return nil, err
	}
	s.serving = begin(ln, t.Serve, func() error {
		close(s.stopped)
		t.Close()
		return nil
	})
	return s, nil
}

// Requests implements [Server].
func (s *tcpServer) Requests() int64 { return s.requests.Load() }

// call decodes the request, runs the handler and encodes the reply, as the other
// servers do.
func (s *tcpServer) call(req *tcp.Request, reply *tcp.Reply) {
	if s.silent {
		s.requests.Add(1)
		<-s.stopped
		return
	}
	m := new(echo.Message)
	err := proto.Unmarshal(req.Body, m)
	if err == nil {
		reply.Body, err = proto.MarshalOptions{}.MarshalAppend(reply.Body, echo.Answer(m))
	}
	reply.Header = s.header
	if err != nil {
		reply.Header = transport.Header{{Name: wire.HeaderError, Value: err.Error()}}
	}
}

// stream serves one stream.
func (s *tcpServer) stream(x transport.Incoming) {
	var in transport.Message
	out := transport.Message{Header: s.header} // sending an unchanged header is cheap
	recv := func(m *echo.Message) error {
		if err := x.Recv(&in); err != nil {
			return err
		}
		return proto.Unmarshal(in.Body, m)
	}
	var room []byte
	send := func(m *echo.Message) (err error) {
		if room, err = (proto.MarshalOptions{}).MarshalAppend(room[:0], m); err != nil {
			return err
		}
		out.Body = room
		return x.Send(&out)
	}
	var err error
	switch endpoint := x.Opening().Get("Micro-Endpoint"); endpoint {
	case echo.PingPongEndpoint:
		err = echo.PingPong(recv, send)
	case echo.CountEndpoint:
		var n *echo.Message
		if n, err = echo.Count(recv); err == nil {
			err = send(n)
		}
	default:
		err = errors.New("unknown endpoint " + endpoint)
	}
	if err != nil {
		_ = x.End(&transport.Message{Header: transport.Header{{Name: wire.HeaderError, Value: err.Error()}}}) // the stream may have ended
	}
}
