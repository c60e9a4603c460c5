// SPDX-License-Identifier: Apache-2.0

package contender

import (
	"context"
	"fmt"

	"example.com/mailcall/api"
	"example.com/mailcall/bench/internal/echo"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp"
)

// oursShared is mailcall over a transport with shared connections and all defaults,
// including the deadline of the call, the timeout of the attempt, retries, marks and
// the live list.
type oursShared struct{ caller *api.Caller }

func newOursTCP(c Config) (Contender, error) {
	over, err := tcp.New()
	if err != nil {
		return nil, err
	}
	return newShared(c, over)
}

func newShared(c Config, over transport.Transport) (Contender, error) {
	caller, err := api.New(
		api.WithTransport(over),
		api.WithAddress(c.Address),
		api.WithRequestTimeout(c.CallTimeout),
		api.WithAttemptTimeout(c.CallTimeout),
	)
	if err != nil {
		return nil, err
	}
	return &oursShared{caller}, nil
}

// Caller implements [Contender]. Each goroutine reuses its own request.
func (o *oursShared) Caller(int) (Caller, error) {
	return &preparedCaller{o.caller, api.Prepare(o.caller, echo.Package, echo.CallEndpoint)}, nil
}

// Close implements [Contender].
func (o *oursShared) Close() error {
	o.caller.Close(context.Background())
	return nil
}

// Open implements [Streaming].
func (o *oursShared) Open(ctx context.Context, mode Mode) (Stream, error) {
	endpoint := echo.PingPongEndpoint
	if mode == OneWay {
		endpoint = echo.CountEndpoint
	}
	s, err := o.caller.Stream(ctx, o.caller.NewRequest(echo.Package, endpoint, nil, api.StreamingRequest()))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", endpoint, err)
	}
	return &oursStream{stream: s, single: mode == OneWay}, nil
}

type oursStream struct {
	stream api.Stream
	single bool // there is only one answer
}

// Send implements [Stream].
func (s *oursStream) Send(m *echo.Message) error { return s.stream.Send(m) }

// CloseSend implements [Stream].
func (s *oursStream) CloseSend() error { return s.stream.CloseSend() }

// Recv implements [Stream].
func (s *oursStream) Recv(m *echo.Message) error {
	err := s.stream.Recv(m)
	if err == nil && s.single {
		return s.stream.Close()
	}
	return err
}
