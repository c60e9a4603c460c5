// SPDX-License-Identifier: Apache-2.0

package http

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
)

// ProxyFromEnvironment returns the proxy that HTTPS_PROXY (or https_proxy)
// names, unless NO_PROXY (or no_proxy) exempts address; nil is none. As in
// go-micro the lookup is the one for https URLs, whether or not the connection
// uses TLS, and HTTP_PROXY is not read. The variables are read at each call.
//
// NO_PROXY is a list, parted by commas: a host ("example.com", its subdomains
// included), a domain whose subdomains alone count (".example.com"), an IP
// address, a CIDR range, each but the range with an optional port; "*" exempts
// everything. localhost and loopback addresses never use a proxy.
func ProxyFromEnvironment(address string) (*url.URL, error) {
	raw := eitherEnv("HTTPS_PROXY", "https_proxy")
	if raw == "" || exempt(address, eitherEnv("NO_PROXY", "no_proxy")) {
		return nil, nil
	}
	if !strings.Contains(raw, "://") {
		raw = "http://" + raw // "proxy:3128"
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		// The text of err repeats the value, which may hold a password.
		return nil, errors.New("the proxy variable HTTPS_PROXY is not a URL with a host")
	}
	return u, nil
}

func eitherEnv(a, b string) string {
	if v := os.Getenv(a); v != "" {
		return v
	}
	return os.Getenv(b)
}

// exempt reports whether address is reached without a proxy.
func exempt(address, list string) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		host, port = address, ""
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	ip, _ := netip.ParseAddr(host)
	if host == "localhost" || ip.Unmap().IsLoopback() {
		return true
	}
	for entry := range strings.SplitSeq(list, ",") {
		entry = strings.ToLower(strings.TrimSpace(entry))
		if entry == "*" || entry != "" && matches(entry, host, port, ip) {
			return true
		}
	}
	return false
}

// matches compares one entry of NO_PROXY.
func matches(entry, host, port string, ip netip.Addr) bool {
	if prefix, err := netip.ParsePrefix(entry); err == nil {
		return ip.IsValid() && prefix.Contains(ip.Unmap())
	}
	if h, p, err := net.SplitHostPort(entry); err == nil {
		if p != port {
			return false
		}
		entry = h
	}
	if want, err := netip.ParseAddr(strings.Trim(entry, "[]")); err == nil {
		return ip.IsValid() && want.Unmap() == ip.Unmap()
	}
	entry = strings.TrimPrefix(entry, "*")
	if domain, only := strings.CutPrefix(entry, "."); only {
		return strings.HasSuffix(host, "."+domain)
	}
	return host == entry || strings.HasSuffix(host, "."+entry)
}
