// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// guard decides which requests are answered.
type guard struct {
	hosts  map[string]bool
	token  string
	cookie string // its name depends on the token: browsers share cookies among ports
}

func newGuard(c config) guard {
	sum := sha256.Sum256([]byte(c.token))
	g := guard{hosts: make(map[string]bool, len(c.hosts)), token: c.token, cookie: "mailcall_inspect_" + hex.EncodeToString(sum[:4])}
	for _, h := range c.hosts {
		g.hosts[strings.ToLower(h)] = true
	}
	return g
}

// admit reports whether the request may be answered; if not, it has written the
// refusal.
func (g *guard) admit(w http.ResponseWriter, r *http.Request) bool {
	host := hostOf(r.Host)
	switch {
	case !isLoopback(host) && !g.hosts[host]:
		fail(w, http.StatusForbidden, "the Host header names neither the loopback nor a listed host (WithHosts)")
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		fail(w, http.StatusMethodNotAllowed, "the inspector only answers GET and HEAD")
	case g.token == "":
		return true
	case g.matches(r.URL.Query().Get("token")):
		g.trade(w, r)
	case !g.knows(r):
		w.Header().Set("WWW-Authenticate", "Bearer")
		fail(w, http.StatusUnauthorized, "a token is needed: open the page under the URL that Serve returned, or send it as Authorization: Bearer")
	default:
		return true
	}
	return false
}

// trade sets the token as a cookie that scripts cannot read, and redirects to the
// same page without the token, so that it does not stay in the browser's history.
func (g *guard) trade(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure would exclude the loopback, which has no TLS
		Name: g.cookie, Value: url.QueryEscape(g.token), Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
	// Relative, because a prefix may have been stripped; "./" also keeps a
	// path from being read as another host.
	last := r.URL.EscapedPath()
	last = last[strings.LastIndexByte(last, '/')+1:]
	w.Header().Set("Location", "./"+last)
	w.WriteHeader(http.StatusSeeOther)
}

func (g *guard) knows(r *http.Request) bool {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return g.matches(token)
	}
	cookie, err := r.Cookie(g.cookie)
	if err != nil {
		return false
	}
	token, err := url.QueryUnescape(cookie.Value) // escaped, because a cookie cannot contain every byte
	return err == nil && g.matches(token)
}

func (g *guard) matches(token string) bool {
	return subtle.ConstantTimeCompare([]byte(token), []byte(g.token)) == 1
}

// hostOf returns the host of a Host header in lower case, without port and
// brackets.
func hostOf(header string) string {
	host, _, err := net.SplitHostPort(header)
	if err != nil {
		host = header
	}
	return strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
