// SPDX-License-Identifier: Apache-2.0

package inspect_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"example.com/mailcall/inspect"
)

// fetch asks without leaving a connection behind.
func fetch(t *testing.T, at string) (status int, body string) {
	t.Helper()
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	rsp, err := c.Get(at)
	if err != nil {
		t.Fatal(err)
	}
	defer rsp.Body.Close()
	data, err := io.ReadAll(rsp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return rsp.StatusCode, string(data)
}

func TestServe(t *testing.T) {
	for _, opts := range [][]inspect.Option{
		nil,
		{inspect.WithAddress("localhost:0")},
		{inspect.WithAddress("127.0.0.2:0")},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		page, wait, err := inspect.Serve(ctx, &still{picture: picture()}, opts...)
		if err != nil {
			t.Fatal(err)
		}
		if status, body := fetch(t, page+"v1/calls"); status != 200 || !strings.Contains(body, "Greeter.Hello") {
			t.Errorf("got %d %s, want 200 and a call", status, body)
		}
		cancel()
		for range 2 {
			if err := wait(); err != nil {
				t.Errorf("wait: got %v, want nil", err)
			}
		}
	}
}

func TestServeBeyondTheLoopback(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	page, wait, err := inspect.Serve(ctx, &still{}, inspect.WithAddress("0.0.0.0:0"), inspect.WithToken(token))
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(page)
	if err != nil || u.Query().Get("token") != token || u.Hostname() != "localhost" {
		t.Errorf("got URL %q, want one of this machine, with the token", page)
	}
	u.RawQuery, u.Host = "", "127.0.0.1:"+u.Port()
	if status, _ := fetch(t, u.String()); status != 401 {
		t.Errorf("without the token: got status %d, want 401", status)
	}
	cancel()
	if err := wait(); err != nil {
		t.Errorf("wait: got %v, want nil", err)
	}
}

func TestServeRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, want string
		opts       []inspect.Option
	}{
		{"every interface", "a token is needed", []inspect.Option{inspect.WithAddress("0.0.0.0:0")}},
		{"every interface, six", "a token is needed", []inspect.Option{inspect.WithAddress("[::]:0")}},
		{"only a port", "a token is needed", []inspect.Option{inspect.WithAddress(":0")}},
		{"nothing", "a token is needed", []inspect.Option{inspect.WithAddress("")}},
		{"another host", "a token is needed", []inspect.Option{inspect.WithAddress("192.0.2.1:80")}},
		{"a short token", "at least 16", []inspect.Option{inspect.WithAddress("0.0.0.0:0"), inspect.WithToken("secret")}},
		{"no port", "missing port", []inspect.Option{inspect.WithAddress("127.0.0.1")}},
		{"not here", "cannot assign", []inspect.Option{inspect.WithAddress("192.0.2.1:80"), inspect.WithToken(token)}},
	} {
		page, wait, err := inspect.Serve(t.Context(), &still{}, tc.opts...)
		if err == nil || !strings.Contains(err.Error(), tc.want) || page != "" || wait != nil {
			t.Errorf("%s: got %q, %v, want an error that says %q", tc.name, page, err, tc.want)
		}
	}
}
