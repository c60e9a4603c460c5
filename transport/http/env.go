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

// ProxyFromEnvironment returns the proxy in the environment variable HTTPS_PROXY (or
// https_proxy), or nil if there is none or NO_PROXY (or no_proxy) exempts address. As
// in go-micro, these are the variables for https URLs, whether or not the connection
// uses TLS, and HTTP_PROXY is not read. The variables are read at each call.
//
// NO_PROXY is a comma-separated list of hosts ("example.com", which includes its
// subdomains), domains whose subdomains alone are exempt (".example.com"), IP
// addresses and CIDR ranges; all but the ranges may have a port. "*" exempts
// everything. localhost and loopback addresses never use a proxy.
//
// The error says that HTTPS_PROXY is not a URL with a host. It is safe for concurrent
// use.
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
		// The text of err contains the value, which may contain a password.
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

// matches reports whether one entry of NO_PROXY matches.
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
