// SPDX-License-Identifier: Apache-2.0

package mailcalltest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// client is a plain HTTP client, to test the responder's answers without mailcall. It
// keeps at most one connection.
type client struct {
	t       *testing.T
	address string
	http    http.Client
}

// answer is a status, a header and a body.
type answer struct {
	status int
	header http.Header
	body   string
}

func newClient(t *testing.T, address string) *client {
	t.Helper()
	keep := &http.Transport{MaxConnsPerHost: 1}
	t.Cleanup(keep.CloseIdleConnections)
	return &client{t: t, address: address, http: http.Client{Transport: keep, Timeout: 10 * time.Second}}
}

// call sends one request; further header fields are "Name: value".
func (c *client) call(endpoint, body string, fields ...string) (answer, error) {
	c.t.Helper()
	req, err := http.NewRequest(http.MethodPost, "http://"+c.address, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.GetBody = nil // the client must not retry by itself
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Micro-Endpoint", endpoint)
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		req.Header.Set(name, value)
	}
	rsp, err := c.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = rsp.Body.Close() }()
	got, err := io.ReadAll(io.LimitReader(rsp.Body, 1<<20))
	return answer{rsp.StatusCode, rsp.Header, string(got)}, err
}

// must calls an endpoint, fails the test if there is an error, and returns the body.
func (c *client) must(endpoint, body string, fields ...string) string {
	c.t.Helper()
	got, err := c.call(endpoint, body, fields...)
	if err != nil {
		c.t.Fatalf("%s: %v", endpoint, err)
	}
	if text := got.header.Get("Micro-Error"); text != "" {
		c.t.Fatalf("%s: got error %q, want none", endpoint, text)
	}
	return strings.TrimSpace(got.body)
}

const helloAnn = `{"greeting":"Hello Ann"}`

// hello fails the test unless Greeter.Hello works.
func (c *client) hello() {
	c.t.Helper()
	if got := c.must("Greeter.Hello", `{"name":"Ann"}`); got != helloAnn {
		c.t.Errorf("got %s, want %s", got, helloAnn)
	}
}
