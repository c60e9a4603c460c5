// SPDX-License-Identifier: Apache-2.0

package contender

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/rpc"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"storj.io/drpc/drpcconn"

	"example.com/mailcall/bench/internal/echo"
	"example.com/mailcall/bench/internal/rawmux"
)

// dialTimeout bounds the dials of peers that leave dialling to the user.
const dialTimeout = 5 * time.Second

// drpcClient has a connection per caller: a connection of drpc carries one call at a
// time, and this avoids the pool that its guide recommends for concurrent calls.
type drpcClient struct {
	address string
	conns   []*drpcconn.Conn
}

func newDRPC(c Config) (Contender, error) { return &drpcClient{address: c.Address}, nil }

// Caller implements [Contender]. It dials.
func (d *drpcClient) Caller(int) (Caller, error) {
	socket, err := net.DialTimeout("tcp", d.address, dialTimeout)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	conn := drpcconn.New(socket)
	d.conns = append(d.conns, conn)
	return drpcCaller{conn}, nil
}

// Close implements [Contender].
func (d *drpcClient) Close() error {
	var err error
	for _, conn := range d.conns {
		err = errors.Join(err, conn.Close())
	}
	return err
}

type drpcCaller struct{ conn *drpcconn.Conn }

// Call implements [Caller].
func (d drpcCaller) Call(ctx context.Context, req, rsp proto.Message) error {
	return d.conn.Invoke(ctx, echo.CallMethod, echo.Encoding{}, req, rsp)
}

// connectClient speaks connect's own protocol with protobuf over cleartext HTTP/2, with
// net/http's transport without http.Client. It does not accept compressed answers,
// which clients do by default.
type connectClient struct {
	transport *http.Transport
	client    *connect.Client[echo.Message, echo.Message]
}

func newConnect(c Config) (Contender, error) {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols, DisableCompression: true}
	client := connect.NewClient[echo.Message, echo.Message](doer{transport}, "http://"+c.Address+echo.CallMethod,
		connect.WithAcceptCompression("gzip", nil, nil))
	return &connectClient{transport, client}, nil
}

// doer is passed to connect instead of an http.Client.
type doer struct{ *http.Transport }

// Do sends a request.
func (d doer) Do(r *http.Request) (*http.Response, error) { return d.RoundTrip(r) }

// Caller implements [Contender].
func (c *connectClient) Caller(int) (Caller, error) { return c, nil }

// Close implements [Contender].
func (c *connectClient) Close() error {
	c.transport.CloseIdleConnections()
	return nil
}

// Call implements [Caller]. connect allocates the reply itself, so the harness's reply
// costs an allocation that a user would not have.
func (c *connectClient) Call(ctx context.Context, req, rsp proto.Message) error {
	value, isEcho := req.(*echo.Message)
	out, wantsEcho := rsp.(*echo.Message)
	if !isEcho || !wantsEcho {
		return fmt.Errorf("%T and %T: want echo messages", req, rsp)
	}
	in, err := c.client.CallUnary(ctx, connect.NewRequest(value))
	if err != nil {
		return err
	}
	out.Number, out.Data = in.Msg.GetNumber(), in.Msg.GetData()
	return nil
}

// netRPC is net/rpc with its gob codec, with one client for all callers. It has no
// settings.
type netRPC struct{ client *rpc.Client }

func newNetRPC(c Config) (Contender, error) {
	conn, err := net.DialTimeout("tcp", c.Address, dialTimeout)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	return &netRPC{rpc.NewClient(conn)}, nil
}

// Caller implements [Contender].
func (n *netRPC) Caller(int) (Caller, error) { return n, nil }

// Close implements [Contender].
func (n *netRPC) Close() error { return n.client.Close() }

// Call implements [Caller]. net/rpc has no contexts, so it waits for the call and for
// the context, as users of net/rpc do.
func (n *netRPC) Call(ctx context.Context, req, rsp proto.Message) error {
	call := n.client.Go("Echo.Call", req, rsp, make(chan *rpc.Call, 1))
	if ctx.Done() == nil {
		return (<-call.Done).Error
	}
	select {
	case <-call.Done:
		return call.Error
	case <-ctx.Done():
		return ctx.Err()
	}
}

// rawMux is package rawmux, which has no codec: see [Bare].
type rawMux struct{ client *rawmux.Client }

func newRawMux(c Config) (Contender, error) {
	client, err := rawmux.Dial(c.Address, c.Callers)
	if err != nil {
		return nil, err
	}
	return rawMux{client}, nil
}

// Caller implements [Contender].
func (r rawMux) Caller(i int) (Caller, error) { return rawCaller{r.client.Slot(i)}, nil }

// Close implements [Contender].
func (r rawMux) Close() error { return r.client.Close() }

type rawCaller struct{ *rawmux.Slot }

// Call implements [Caller], for tests; the harness uses [Bare].
func (r rawCaller) Call(ctx context.Context, req, rsp proto.Message) error {
	body, err := proto.Marshal(req)
	if err != nil {
		return err
	}
	answer, err := r.Echo(ctx, body)
	if err != nil {
		return err
	}
	return proto.Unmarshal(answer, rsp)
}
