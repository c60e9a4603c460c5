// SPDX-License-Identifier: Apache-2.0

package endpoint_test

import (
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"example.com/mailcall/transport/internal/endpoint"
)

func tcp(address, host, authority string) endpoint.Endpoint {
	return endpoint.Endpoint{Network: "tcp", Address: address, Host: host, Authority: authority}
}

func secure(e endpoint.Endpoint) endpoint.Endpoint { e.TLS = true; return e }

func plain(e endpoint.Endpoint) endpoint.Endpoint { e.Plain = true; return e }

func bare(e endpoint.Endpoint) endpoint.Endpoint { e.TLS, e.Bare = true, true; return e }

func unix(path string) endpoint.Endpoint {
	return endpoint.Endpoint{Network: "unix", Address: path, Host: "localhost", Authority: "localhost"}
}

func TestParse(t *testing.T) {
	tests := map[string]endpoint.Endpoint{
		"127.0.0.1:8000":          tcp("127.0.0.1:8000", "127.0.0.1", "127.0.0.1:8000"),
		"Example.com:80":          tcp("Example.com:80", "Example.com", "Example.com:80"),
		"example.com:http":        tcp("example.com:http", "example.com", "example.com:http"),
		"unix:8080":               tcp("unix:8080", "unix", "unix:8080"),
		"[::1]:80":                tcp("[::1]:80", "::1", "[::1]:80"),
		"[fe80::1%eth0]:80":       tcp("[fe80::1%eth0]:80", "fe80::1", "[fe80::1]:80"),
		"example.com:443":         secure(tcp("example.com:443", "example.com", "example.com:443")),
		"[::1]:443":               secure(tcp("[::1]:443", "::1", "[::1]:443")),
		"example.com":             bare(tcp("example.com:443", "example.com", "example.com")),
		"127.0.0.1":               bare(tcp("127.0.0.1:443", "127.0.0.1", "127.0.0.1")),
		"::1":                     bare(tcp("[::1]:443", "::1", "[::1]")),
		"[::1]":                   bare(tcp("[::1]:443", "::1", "[::1]")),
		"2001:db8::1":             bare(tcp("[2001:db8::1]:443", "2001:db8::1", "[2001:db8::1]")),
		"2001:db8:0:0:0:0:0:1":    bare(tcp("[2001:db8:0:0:0:0:0:1]:443", "2001:db8:0:0:0:0:0:1", "[2001:db8:0:0:0:0:0:1]")),
		"https://example.com":     secure(tcp("example.com:443", "example.com", "example.com")),
		"https://example.com/":    secure(tcp("example.com:443", "example.com", "example.com")),
		"HTTPS://example.com:81":  secure(tcp("example.com:81", "example.com", "example.com:81")),
		"https://[::1]:81":        secure(tcp("[::1]:81", "::1", "[::1]:81")),
		"https://::1":             secure(tcp("[::1]:443", "::1", "[::1]")),
		"http://example.com":      plain(tcp("example.com:80", "example.com", "example.com")),
		"http://example.com:443":  plain(tcp("example.com:443", "example.com", "example.com:443")),
		"unix:/run/greeter.sock":  unix("/run/greeter.sock"),
		"unix:///run/greeter":     unix("/run/greeter"),
		"UNIX:/run/a b":           unix("/run/a b"),
		"[2001:db8::1:80]":        bare(tcp("[2001:db8::1:80]:443", "2001:db8::1:80", "[2001:db8::1:80]")),
		"[::ffff:127.0.0.1]:8000": tcp("[::ffff:127.0.0.1]:8000", "::ffff:127.0.0.1", "[::ffff:127.0.0.1]:8000"),
	}
	if runtime.GOOS == "linux" {
		tests["unix:@greeter"] = unix("@greeter")
	}
	for address, want := range tests {
		t.Run(address, func(t *testing.T) {
			got, err := endpoint.Parse(address)
			if err != nil || got != want {
				t.Errorf("got %+v and %v, want %+v", got, err, want)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	tests := map[string]string{
		"":                                  "lacks the host",
		":8080":                             "lacks the host",
		"host:":                             "lacks the port",
		"https://":                          "lacks the host",
		"a:b:c":                             "too many colons",
		"2001:db8::1:8080":                  "write [2001:db8::1]:8080 for port 8080, or [2001:db8::1:8080]",
		"::1:80":                            "ambiguous",
		"[::1":                              "missing ']'",
		"[example.com]":                     "bracket out of place",
		"[a:b]:80":                          "no IPv6 address",
		"host:65536":                        "want 0 to 65535",
		"host:99999999999999999999":         "want 0 to 65535",
		"host:-1":                           "want 0 to 65535",
		"unix:relative.sock":                "absolute path",
		"unix:":                             "lacks the port",
		"unix:/":                            "no path",
		"unix://host/path":                  "absolute path",
		"unix:/" + strings.Repeat("x", 107): "the system allows",
		"unix:/a\x00b":                      "NUL",
		"ftp://host:80":                     `scheme "ftp"`,
		"dns:///host:80":                    `scheme "dns"`,
		"https://host/path":                 `"/"`,
		"%eth0:80":                          "a zone",
		"http://user@host":                  `"@"`,
		"a\r\nb: c:80":                      "character",
		"host name:80":                      "character",
		strings.Repeat("x", 513):            "the limit is 512",
	}
	for address, want := range tests {
		t.Run(address, func(t *testing.T) {
			got, err := endpoint.Parse(address)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %+v and %v, want an error with %q", got, err, want)
			}
		})
	}
}

// FuzzParse checks that the parts of any parsed address are safe to send and to dial.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"host:80", "[::1]:443", "https://host", "unix:/a", "::1", "http://[fe80::1%25x]:80", "[::1%:]:1", "::%]0", "%0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, address string) {
		e, err := endpoint.Parse(address)
		if err != nil {
			return
		}
		if strings.ContainsAny(e.Authority, " \r\n\t\x00/?#@%") || e.Host == "" {
			t.Errorf("got authority %q and host %q, want both safe", e.Authority, e.Host)
		}
		if e.TLS && e.Plain {
			t.Errorf("got %+v, want TLS or plain", e)
		}
		if e.Network == endpoint.Unix {
			return
		}
		if host, port, err := net.SplitHostPort(e.Address); err != nil || host == "" || port == "" {
			t.Errorf("got %q to dial (%v), want host and port", e.Address, err)
		}
	})
}

func TestListen(t *testing.T) {
	addresses := []string{"127.0.0.1:0", "unix:" + filepath.Join(t.TempDir(), "s")}
	if runtime.GOOS == "linux" {
		addresses = append(addresses, "unix:@mailcall-"+t.Name()+filepath.Base(t.TempDir()))
	}
	for _, address := range addresses {
		t.Run(address, func(t *testing.T) {
			ln, err := endpoint.Listen(address)
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			e, err := endpoint.Parse(endpoint.Text(ln.Addr()))
			if err != nil {
				t.Fatal(err)
			}
			c, err := new(endpoint.Dialer).Dial(t.Context(), e)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			s, err := ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if got, want := endpoint.Text(c.RemoteAddr()), endpoint.Text(ln.Addr()); got != want {
				t.Errorf("got remote address %q, want %q", got, want)
			}
			if got := endpoint.Text(s.RemoteAddr()); e.Network == endpoint.Unix && got != "" {
				t.Errorf("got %q for a nameless end, want nothing", got)
			}
		})
	}
	if ln, err := endpoint.Listen("unix:/" + strings.Repeat("x", 200)); err == nil {
		_ = ln.Close()
		t.Error("got a listener on too long a path, want an error")
	}
	if got := endpoint.Text(nil); got != "" {
		t.Errorf("got %q for no address, want nothing", got)
	}
}
