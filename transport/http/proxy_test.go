// SPDX-License-Identifier: Apache-2.0

package http_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http"
)

// tunnels is a proxy that answers CONNECT with a tunnel, and sends the requests to
// seen.
func tunnels(seen chan<- string, config *tls.Config) func(net.Conn) {
	return func(c net.Conn) {
		if config != nil {
			c = tls.Server(c, config)
		}
		in := bufio.NewReader(c)
		var head strings.Builder
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			head.WriteString(line)
			if line == "\r\n" {
				break
			}
		}
		seen <- head.String()
		to, err := net.Dial("tcp", strings.Fields(head.String())[1])
		if err != nil {
			_, _ = io.WriteString(c, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 4\r\n\r\nnope")
			return
		}
		defer to.Close()
		_, _ = io.WriteString(c, "HTTP/1.1 200 Connection established\r\nX: y\r\n\r\n")
		go func() {
			_, _ = io.Copy(to, in)
			_ = to.(*net.TCPConn).CloseWrite()
		}()
		_, _ = io.Copy(c, to)
	}
}

func TestProxy(t *testing.T) {
	a := newAuthority(t)
	server := &tls.Config{Certificates: []tls.Certificate{a.pair(t)}}
	client := http.WithTLS(&tls.Config{RootCAs: a.pool})
	plain, secured := respond(t, newTransport(t), echo), respond(t, newTransport(t, http.WithTLS(server)), echo)
	tests := map[string]struct {
		scheme, target string
		opts           []http.Option
	}{
		"cleartext":               {"http", plain, nil},
		"tls in the tunnel":       {"http", secured, []http.Option{client}},
		"tls to the proxy and in": {"https", secured, []http.Option{client}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			seen := make(chan string, 1)
			var config *tls.Config
			if tt.scheme == "https" {
				config = server
			}
			proxy := &url.URL{Scheme: tt.scheme, User: url.UserPassword("me", "pass word"), Host: accept(t, tunnels(seen, config))}
			asked := ""
			through := http.WithProxy(func(address string) (*url.URL, error) {
				asked = address
				return proxy, nil
			})
			c := dial(t, newTransport(t, append(tt.opts, through)...), tt.target)
			for range 3 {
				c.Bind(context.Background(), time.Now().Add(time.Minute))
				if err := exchange(c, new(transport.Message)); err != nil {
					t.Fatal(err)
				}
			}
			want := "CONNECT " + tt.target + " HTTP/1.1\r\nHost: " + tt.target + "\r\nUser-Agent: micro/latest\r\nProxy-Authorization: Basic bWU6cGFzcyB3b3Jk\r\n\r\n"
			if got := <-seen; got != want || asked != tt.target {
				t.Errorf("got %q for %q, want %q", got, asked, want)
			}
			_ = c.Close()
		})
	}
}

func TestProxyFaults(t *testing.T) {
	failed := errors.New("no idea")
	tests := map[string]struct {
		proxy func(net.Conn)
		url   func(address string) (*url.URL, error)
		want  string
	}{
		"refuses":         {proxy: answering("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 2\r\n\r\nno"), want: "407 Proxy Authentication Required: no"},
		"sends elsewhere": {proxy: answering("HTTP/1.1 302 Found\r\nLocation: http://login.test/\r\nContent-Length: 0\r\n\r\n"), want: "302 Found"},
		"upgrades":        {proxy: answering("HTTP/1.1 101 Switching Protocols\r\n\r\n"), want: "unexpected status 101"},
		"goes on":         {proxy: answering(strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 20)), want: "unexpected status 100"},
		"garbage":         {proxy: answering("hello"), want: transport.ErrProtocol.Error()},
		"hangs up":        {proxy: func(net.Conn) {}, want: "answer to CONNECT"},
		"talks too much":  {proxy: answering("HTTP/1.1 200 OK\r\n\r\nhello"), want: "5 bytes after"},
		"never answers":   {proxy: silent, want: "deadline of the exchange"},
		"is not there":    {url: func(string) (*url.URL, error) { return url.Parse("http://127.0.0.1:1") }, want: "proxy 127.0.0.1:1: "},
		"socks":           {url: func(string) (*url.URL, error) { return url.Parse("socks5://x:1") }, want: `scheme "socks5"`},
		"lookup fails":    {url: func(string) (*url.URL, error) { return nil, failed }, want: "no idea"},
		"no host":         {url: func(string) (*url.URL, error) { return url.Parse("http://:1") }, want: "no host"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if tt.url == nil {
				address := accept(t, tt.proxy)
				tt.url = func(string) (*url.URL, error) { return &url.URL{Scheme: "http", Host: address}, nil }
			}
			ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
			defer cancel()
			_, err := newTransport(t, http.WithProxy(tt.url)).Dial(ctx, "target.test:80")
			if err == nil || !strings.Contains(err.Error(), tt.want) || !errors.Is(err, transport.ErrNotSent) {
				t.Errorf("got %v, want ErrNotSent that says %q", err, tt.want)
			}
		})
	}
}

// A refusal is reported at once, even if the page that explains it does not end.
func TestProxyRefusalIsNotWaitedFor(t *testing.T) {
	const refusal = "HTTP/1.1 407 Proxy Authentication Required\r\n"
	for name, reply := range map[string]string{
		"no length": refusal + "\r\nno",
		"no body":   refusal + "Content-Length: 2\r\n\r\n",
		"chunks":    refusal + "Transfer-Encoding: chunked\r\n\r\n2\r\nno\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			proxy := &url.URL{Scheme: "http", Host: accept(t, answering(reply))}
			through := http.WithProxy(func(string) (*url.URL, error) { return proxy, nil })
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			_, err := newTransport(t, through).Dial(ctx, "target.test:80")
			if status, ok := errors.AsType[*http.StatusError](err); !ok || status.Code != 407 || ctx.Err() != nil {
				t.Errorf("got %v, and the context's %v, want the 407 before the context ends", err, ctx.Err())
			}
		})
	}
}

func TestProxyFromEnvironment(t *testing.T) {
	tests := map[string]struct {
		https, no, address, want string
	}{
		"none":                  {"", "", "a.test:1", ""},
		"plain":                 {"http://p:3128", "", "a.test:1", "http://p:3128"},
		"without a scheme":      {"p:3128", "", "a.test:1", "http://p:3128"},
		"with a user":           {"https://u:p@p", "", "a.test:1", "https://u:p@p"},
		"localhost":             {"http://p", "", "localhost:1", ""},
		"loopback":              {"http://p", "", "127.8.8.8:1", ""},
		"loopback, six":         {"http://p", "", "[::1]:1", ""},
		"star":                  {"http://p", "x, *", "a.test:1", ""},
		"host":                  {"http://p", "b, A.test", "a.test:1", ""},
		"subdomain of a host":   {"http://p", "test", "a.test:1", ""},
		"not a subdomain":       {"http://p", "est", "a.test:1", "http://p"},
		"domain, leading dot":   {"http://p", ".test", "a.test:1", ""},
		"dot leaves out itself": {"http://p", ".a.test", "a.test:1", "http://p"},
		"wildcard":              {"http://p", "*.test", "a.test:1", ""},
		"port":                  {"http://p", "a.test:1", "a.test:1", ""},
		"other port":            {"http://p", "a.test:2", "a.test:1", "http://p"},
		"ip":                    {"http://p", "10.0.0.1", "10.0.0.1:1", ""},
		"other ip":              {"http://p", "10.0.0.1", "10.0.0.2:1", "http://p"},
		"range":                 {"http://p", "10.0.0.0/8", "10.9.9.9:1", ""},
		"range, in six":         {"http://p", "10.0.0.0/8", "[::ffff:10.9.9.9]:1", ""},
		"range, six":            {"http://p", "fd00::/8", "[fd00::1]:1", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for _, upper := range []bool{true, false} {
				spell := strings.ToLower
				if upper {
					spell = strings.ToUpper
				}
				for _, v := range []string{"HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"} {
					t.Setenv(v, "")
				}
				t.Setenv("HTTP_PROXY", "http://wrong")
				t.Setenv(spell("https_proxy"), tt.https)
				t.Setenv(spell("no_proxy"), tt.no)
				u, err := http.ProxyFromEnvironment(tt.address)
				got := ""
				if u != nil {
					got = u.String()
				}
				if err != nil || got != tt.want {
					t.Errorf("got %q, %v, want %q", got, err, tt.want)
				}
			}
		})
	}
	for _, wrong := range []string{"http://me:secret@%zz", "http://me:secret@[", "http://me:sec ret@p:80", "http://", "://p"} {
		t.Setenv("HTTPS_PROXY", wrong)
		if u, err := http.ProxyFromEnvironment("a.test:1"); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v, %v, want an error that keeps the password to itself", wrong, u, err)
		}
	}
}
