// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"example.com/mailcall/api"
	"example.com/mailcall/codec"
	"example.com/mailcall/codec/builtin"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/metadata"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

func (b bare) Dial(ctx context.Context, address string) (transport.Conn, error) {
	c, err := b.Transport.Dial(ctx, address)
	if err != nil {
		return nil, err
	}
	return bareConn{c}, nil
}

// works and none are what a cell of the table says.
const (
	works = "ok"
	none  = "-" // under this content type the wire has no such thing
)

// Every transport carries every content type: an answer, the metadata, an
// error. The log has the table.
func TestTransportsTimesCodecs(t *testing.T) {
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "transport\tcontent type\tHello\tEcho\tFail")
	rigs := factories()
	for _, name := range slices.Sorted(maps.Keys(rigs)) {
		rig := rigs[name](t)
		server := mailcalltest.NewGreeter("greeter")
		l, err := rig.Listen(rig.Address)
		if err == nil {
			err = server.Serve(l)
		}
		if err != nil {
			t.Fatal(err)
		}
		c, err := api.New(api.WithTransport(rig.Transport), api.WithAddress(server.Address()))
		if err != nil {
			t.Fatal(err)
		}
		for _, contentType := range slices.Sorted(maps.Keys(builtin.Codecs())) {
			call := caller{t, c, contentType}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", name, contentType,
				call.cell(call.hello()), call.cell(call.echo()), call.cell(call.fail()))
		}
		c.Close(t.Context())
		if got := server.Connections(); got != 1 {
			t.Errorf("%s: got %d connections, want 1 for all content types", name, got)
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Error(err)
	}
	t.Log("\n" + table.String())
}

// caller makes calls under one content type.
type caller struct {
	t           *testing.T
	client      *api.Caller
	contentType string
}

// errNone says that there is no such thing under the content type.
var errNone = errors.New(none)

func (c caller) cell(err error) string {
	c.t.Helper()
	switch {
	case err == nil:
		return works
	case errors.Is(err, errNone):
		return none
	default:
		c.t.Errorf("%s: %v", c.contentType, err)
		return "FAILED"
	}
}

func (c caller) call(endpoint string, req, rsp any) error {
	ctx := metadata.NewContext(c.t.Context(), metadata.Metadata{"Tenant": "blue"})
	return c.client.Call(ctx, c.client.NewRequest("greeter", endpoint, req, api.WithContentType(c.contentType)), rsp)
}

func (c caller) hello() error {
	switch c.contentType {
	case "application/octet-stream":
		rsp := new(codec.Frame)
		return expect(c.call("Greeter.Raw", &codec.Frame{Data: []byte("\x00x")}, rsp), string(rsp.Data), "raw:\x00x")
	case "text/plain":
		rsp := new(string)
		return expect(c.call("Greeter.Text", "hi", rsp), *rsp, "text:hi")
	}
	rsp := new(greet.HelloReply)
	err := c.call("Greeter.Hello", &greet.HelloRequest{Name: "Ann"}, rsp)
	return expect(err, rsp.GetGreeting(), "Hello Ann")
}

// expect is err, or that got is not what was wanted.
func expect(err error, got, want string) error {
	if err == nil && got != want {
		err = fmt.Errorf("got %q, want %q", got, want)
	}
	return err
}

func (c caller) bytes() bool {
	return c.contentType == "application/octet-stream" || c.contentType == "text/plain"
}

func (c caller) echo() error {
	if c.bytes() {
		return errNone
	}
	rsp := new(greet.HelloReply)
	if err := c.call("Greeter.Echo", &greet.HelloRequest{}, rsp); err != nil {
		return err
	}
	for _, want := range []string{"Tenant=blue", "Content-Type=" + c.contentType, "Micro-Endpoint=Greeter.Echo"} {
		if !slices.Contains(rsp.GetHeaders(), want) {
			return fmt.Errorf("got %q, want %q among them", rsp.GetHeaders(), want)
		}
	}
	return nil
}

// fail wants the error of the service. Under bytes and text a go-micro server
// says nothing when it fails.
func (c caller) fail() error {
	if c.bytes() {
		return errNone
	}
	err := c.call("Greeter.Fail", &greet.HelloRequest{Code: 409, Detail: "taken"}, new(greet.HelloReply))
	var e *rpcerr.Error
	if !errors.As(err, &e) || *e != *rpcerr.Parse(rpcerr.New("greeter.fail", 409, "taken").Error()) {
		return fmt.Errorf("got %w, want the service's 409", err)
	}
	return nil
}
