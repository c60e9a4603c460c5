package contender

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"example.com/mailcall/api"
	thttp "example.com/mailcall/transport/http"
	"github.com/valyala/fasthttp"
	"example.com/mailcall/bench/internal/wire"
	"google.golang.org/protobuf/types/known/wrapperspb"
	"google.golang.org/protobuf/proto"
)

type fake struct{ reply []byte; pos int }
func (f *fake) Read(p []byte) (int, error) { n := copy(p, f.reply[f.pos:]); f.pos += n; return n, nil }
func (f *fake) Write(p []byte) (int, error) { f.pos = 0; return len(p), nil }
func (f *fake) Close() error { return nil }
func (f *fake) LocalAddr() net.Addr { return &net.TCPAddr{} }
func (f *fake) RemoteAddr() net.Addr { return &net.TCPAddr{} }
func (f *fake) SetDeadline(time.Time) error { return nil }
func (f *fake) SetReadDeadline(time.Time) error { return nil }
func (f *fake) SetWriteDeadline(time.Time) error { return nil }

func newFake() *fake {
	value, _ := wire.Value(64)
	b, _ := proto.Marshal(wrapperspb.Bytes(value))
	return &fake{reply: []byte(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Type: application/protobuf\r\n\r\n%s", len(b), b))}
}

func BenchmarkUserOurs(b *testing.B) {
	tr, _ := thttp.New(thttp.WithDialer(func(context.Context, string, string) (net.Conn, error) { return newFake(), nil }))
	c, err := api.New(api.WithTransport(tr), api.WithAddress("127.0.0.1:1"))
	if err != nil { b.Fatal(err) }
	defer c.Close(context.Background())
	value, _ := wire.Value(64)
	o := &ours{caller: c}
	b.ReportAllocs()
	for b.Loop() {
		if err := o.Call(context.Background(), wrapperspb.Bytes(value), new(wrapperspb.BytesValue)); err != nil { b.Fatal(err) }
	}
}

func BenchmarkUserFast(b *testing.B) {
	f := makeFastHTTP(Config{Address: "127.0.0.1:1", Callers: 1}, 0)
	f.client.Dial = func(string) (net.Conn, error) { return newFake(), nil }
	_ = fasthttp.MethodPost
	value, _ := wire.Value(64)
	b.ReportAllocs()
	for b.Loop() {
		if err := f.Call(context.Background(), wrapperspb.Bytes(value), new(wrapperspb.BytesValue)); err != nil { b.Fatal(err) }
	}
}
