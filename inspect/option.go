// SPDX-License-Identifier: Apache-2.0

package inspect

// Option changes how the inspector answers. Options are applied in order; a
// later one replaces an earlier one.
type Option func(*config)

type config struct {
	settings func() any
	hosts    []string
	token    string
	address  string
}

func configOf(opts []Option) config {
	c := config{address: defaultAddress}
	for _, o := range opts {
		if o != nil {
			o(&c)
		}
	}
	return c
}

// WithSettings makes /v1/config answer with what f returns, as JSON. f is called
// for each request, by many goroutines at once. For a client of package api that
// is
//
//	inspect.WithSettings(func() any { o := client.Options(); return o.Settings() })
//
// Defaults to nil, with which /v1/config answers 404.
func WithSettings(f func() any) Option {
	return func(c *config) { c.settings = f }
}

// WithHosts adds host names, without port, that the Host header of a request may
// have besides those of the loopback: the names under which the server is reached
// that the inspector is mounted on. Case does not matter. Defaults to none.
func WithHosts(hosts ...string) Option {
	return func(c *config) { c.hosts = append(c.hosts, hosts...) }
}

// WithToken requires a token in every request: as "Authorization: Bearer TOKEN",
// as the query parameter "token", or in the cookie that a request with that
// parameter gets in exchange. [Serve] takes only tokens of at least 16 bytes, such
// as crypto/rand.Text(). Defaults to "", which requires none.
func WithToken(token string) Option {
	return func(c *config) { c.token = token }
}

// WithAddress sets where [Serve] listens, "host:port"; port 0 is a free one. An
// address other than the loopback needs [WithToken]. [Handler] ignores it.
// Defaults to "127.0.0.1:0".
func WithAddress(address string) Option {
	return func(c *config) { c.address = address }
}
