// SPDX-License-Identifier: Apache-2.0

package grpc

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"

	spb "google.golang.org/genproto/googleapis/rpc/status"

	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/internal/endpoint"
)

func TestPath(t *testing.T) {
	for _, tc := range []struct{ service, endpoint, want string }{
		{"greeter", "Greeter.Hello", "/greeter.Greeter/Hello"},
		{"", "Greeter.Hello", "/Greeter/Hello"},
		{"greeter", "/greet.v1.Greeter/Hello", "/greet.v1.Greeter/Hello"},
		{"greeter", "Hello", "/Hello"},
		{"greeter", "A.B.C", "/A.B.C"},
		{"greeter", "", ""}, {"a b", "A.B", ""}, {"a", "Ä.B", ""},
	} {
		got, err := pathOf(tc.service, tc.endpoint)
		if got != tc.want || (err != nil) != (tc.want == "") || err != nil && !errors.Is(err, transport.ErrInvalid) {
			t.Errorf("%s %s: got %q, %v, want %q", tc.service, tc.endpoint, got, err, tc.want)
		}
	}
}

func TestSubtype(t *testing.T) {
	for contentType, want := range map[string]string{
		"": "proto", "application/grpc": "proto", "application/grpc+proto": "proto", "application/protobuf": "proto",
		"application/proto": "proto", "application/octet-stream": "proto", "application/json": "json",
		"application/grpc+json": "json", "application/grpc+bytes": "bytes", "application/grpc+thrift": "thrift",
		"application/msgpack": "msgpack", "text/plain": "",
		"nonsense": "", "application/": "", "application/json; charset=utf-8": "", "application/grpc+": "", "application/A": "",
	} {
		got, err := subtypeOf(contentType)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%q: got %q, %v, want %q", contentType, got, err, want)
		}
	}
}

func TestRoutesAreBounded(t *testing.T) {
	var r routes
	for i := range 2 * maxRoutes {
		made, err := r.of(routeKey{"greeter", fmt.Sprintf("Greeter.M%d", i), "application/json"})
		if want := fmt.Sprintf("/greeter.Greeter/M%d", i); err != nil || made.path != want {
			t.Fatalf("got %v, %v, want %s", made, err, want)
		}
	}
	if got := len(*r.known.Load()); got != maxRoutes {
		t.Errorf("got %d routes remembered, want %d", got, maxRoutes)
	}
	key := routeKey{"greeter", "Greeter.M0", "application/json"}
	first, _ := r.of(key)
	if second, _ := r.of(key); first != second {
		t.Error("got two routes for one endpoint, want one")
	}
}

func TestAddress(t *testing.T) {
	for _, tc := range []struct {
		in, network, address, authority string
		secure                          bool
	}{
		{"127.0.0.1:80", "tcp", "127.0.0.1:80", "127.0.0.1:80", false},
		{"host:443", "tcp", "host:443", "host:443", true},
		{"http://host:443", "tcp", "host:443", "host:443", false},
		{"http://host", "tcp", "host:80", "host:80", false},
		{"https://host", "tcp", "host:443", "host:443", true},
		{"https://host:8443/", "tcp", "host:8443", "host:8443", true},
		{"host", "tcp", "host:443", "host:443", true},
		{"[::1]:80", "tcp", "[::1]:80", "[::1]:80", false},
		{"[fe80::1%eth0]:80", "tcp", "[fe80::1%eth0]:80", "[fe80::1]:80", false},
		{"[::1]", "tcp", "[::1]:443", "[::1]:443", true},
		{"2001:db8::1", "tcp", "[2001:db8::1]:443", "[2001:db8::1]:443", true},
		{"unix:/tmp/s", "unix", "/tmp/s", "localhost", false},
		{"unix:///tmp/s", "unix", "/tmp/s", "localhost", false},
		{"unix:tmp/s", "unix", "tmp/s", "localhost", false},
	} {
		got, err := parseAddress(tc.in, nil)
		if want := (target{tc.network, tc.address, tc.authority, tc.secure}); err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", tc.in, got, err, want)
		}
	}
	for _, in := range []string{"", ":80", "host:", "a:b:c", "unix:", "unix://s", "a/b", "https://", "ho\nst:1"} {
		if got, err := parseAddress(in, nil); err == nil {
			t.Errorf("%q: got %v, want an error", in, got)
		}
	}
	if got, err := parseAddress("http://host", new(tls.Config)); !errors.Is(err, endpoint.ErrCleartext) {
		t.Errorf("got %v, %v with a TLS configuration, want ErrCleartext", got, err)
	}
}

func TestDecodeStatus(t *testing.T) {
	detail := func(url string, e rpcerr.Error) *anypb.Any {
		return &anypb.Any{TypeUrl: url, Value: appendError(&e)}
	}
	for _, tc := range []struct {
		name string
		in   *spb.Status
		want rpcerr.Error
	}{
		{"detail", &spb.Status{Code: 5, Message: "x", Details: []*anypb.Any{detail(errorType, rpcerr.Error{ID: "a", Code: 404, Detail: "d", Status: "s"})}},
			rpcerr.Error{ID: "a", Code: 404, Detail: "d", Status: "s"}},
		{"negative code", &spb.Status{Code: 2, Details: []*anypb.Any{detail("x/errors.Error", rpcerr.Error{ID: "a", Code: -1})}}, rpcerr.Error{ID: "a", Code: -1}},
		{"foreign detail", &spb.Status{Code: 5, Message: "x", Details: []*anypb.Any{detail("type.googleapis.com/google.rpc.ErrorInfo", rpcerr.Error{ID: "a"})}},
			rpcerr.Error{ID: rpcerr.IDClient, Code: 404, Detail: "x", Status: "Not Found"}},
		{"broken detail", &spb.Status{Code: 5, Message: "x", Details: []*anypb.Any{{TypeUrl: errorType, Value: []byte{0x0a, 9}}}},
			rpcerr.Error{ID: rpcerr.IDClient, Code: 404, Detail: "x", Status: "Not Found"}},
		{"empty detail", &spb.Status{Code: 5, Message: "x", Details: []*anypb.Any{{TypeUrl: errorType}}},
			rpcerr.Error{ID: rpcerr.IDClient, Code: 404, Detail: "x", Status: "Not Found"}},
		{"message", &spb.Status{Code: 2, Message: `{"id":"a","code":409,"detail":"d"}`}, rpcerr.Error{ID: "a", Code: 409, Detail: "d"}},
		{"message without a code", &spb.Status{Code: 16, Message: `{"id":"a"}`},
			rpcerr.Error{ID: rpcerr.IDClient, Code: 401, Detail: `{"id":"a"}`, Status: "Unauthorized"}},
	} {
		got := decodeStatus(status.FromProto(tc.in))
		if got.ID != tc.want.ID || got.Code != tc.want.Code || got.Detail != tc.want.Detail || got.Status != tc.want.Status || !got.FromServer() {
			t.Errorf("%s: got %#v, want %#v of the server", tc.name, got, &tc.want)
		}
	}
}

func TestCodes(t *testing.T) {
	for micro, want := range map[int32]codes.Code{
		200: 0, 400: 3, 401: 16, 403: 7, 404: 5, 408: 4, 409: 6, 412: 9, 500: 13, 501: 12, 503: 14, 418: 2,
	} {
		if got := statusCode(micro); got != want {
			t.Errorf("%d: got %d, want %d", micro, got, want)
		}
		if got := microCode(want); got != micro && micro != 418 {
			t.Errorf("%d: got %d, want %d", want, got, micro)
		}
	}
	if got := microCode(codes.Aborted); got != 500 {
		t.Errorf("got %d for another status, want 500", got)
	}
}

func TestPacketNames(t *testing.T) {
	m := &transport.Message{Header: transport.Header{{Name: "A", Value: "1"}, {Name: "a", Value: "2"}}}
	b := appendPacket(nil, m)
	if len(b) != packetSize(m) {
		t.Errorf("got %d bytes, want %d", len(b), packetSize(m))
	}
	got, _, err := decodePacket(nil, b, 10)
	if want := (transport.Header{{Name: "A", Value: "1"}}); err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want the first of two fields of one name", got, err)
	}
	got, _, err = decodePacket(nil, append(b, appendPacket(nil, &transport.Message{Header: transport.Header{{Name: "A", Value: "3"}}})...), 10)
	if want := (transport.Header{{Name: "A", Value: "3"}}); err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want the last of two entries of one key", got, err)
	}
}

func FuzzDecodePacket(f *testing.F) {
	f.Add(appendPacket(nil, &transport.Message{Header: transport.Header{{Name: "Micro-ID", Value: "0"}, {Name: "", Value: ""}}, Body: []byte("{}")}))
	f.Add([]byte{0x0a, 0x00, 0x12, 0x01, 0x00})
	f.Add([]byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Add([]byte{0x18, 0x01, 0x0b})
	f.Fuzz(func(t *testing.T, data []byte) {
		header, body, err := decodePacket(nil, data, 1<<10)
		if err != nil {
			if !errors.Is(err, transport.ErrProtocol) && !errors.Is(err, transport.ErrTooLarge) {
				t.Errorf("got %v, want one that says what is wrong", err)
			}
			return
		}
		if len(header) > maxFields || len(body) > 1<<10 {
			t.Errorf("got %d fields and %d bytes, over the limits", len(header), len(body))
		}
		for i := range header {
			if hidden(header, i) {
				return // names that differ only in case: only the first is written
			}
		}
		again, same, err := decodePacket(nil, appendPacket(nil, &transport.Message{Header: header, Body: body}), 1<<10)
		if err != nil || !slices.Equal(again, header) || string(same) != string(body) {
			t.Errorf("got %v, %q, %v, want %v, %q", again, same, err, header, body)
		}
	})
}

func FuzzDecodeError(f *testing.F) {
	f.Add(appendError(rpcerr.New("greeter.fail", 404, "no such thing")))
	f.Add([]byte{0x0a, 0x05})
	f.Fuzz(func(t *testing.T, data []byte) {
		e, ok := decodeError(data)
		if !ok || strings.ToValidUTF8(e.ID+e.Detail+e.Status, "") != e.ID+e.Detail+e.Status {
			return
		}
		again, ok := decodeError(appendError(e))
		if !ok || again.ID != e.ID || again.Code != e.Code || again.Detail != e.Detail || again.Status != e.Status {
			t.Errorf("got %#v, want %#v", again, e)
		}
	})
}
