// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"crypto/tls"
	"errors"

	"example.com/mailcall/transport"
)

// ErrCleartext is returned for a Plain address if there is a TLS configuration.
var ErrCleartext = errors.New("the address asks for cleartext, the transport was made with TLS")

// ParseWithTLS parses the address that a transport with the TLS configuration c is to
// dial, nil if it has none. Besides what [Parse] refuses, it refuses a Bare address, and
// a Plain one if there is a configuration. Every error matches [transport.ErrAddress].
func ParseWithTLS(address string, c *tls.Config) (Endpoint, error) {
	e, err := Parse(address)
	switch {
	case err != nil:
		return Endpoint{}, transport.BadAddress(err)
	case e.Bare:
		return Endpoint{}, transport.BadAddress(errors.New("missing port, want host:port, or https://host for TLS on port 443"))
	case e.Plain && c != nil:
		return Endpoint{}, transport.BadAddress(ErrCleartext)
	}
	return e, nil
}

// CheckServerTLS returns an error if no server can serve with c because it has no
// certificate. Nil, which is no TLS, is accepted.
func CheckServerTLS(c *tls.Config) error {
	if c != nil && len(c.Certificates) == 0 && c.GetCertificate == nil && c.GetConfigForClient == nil {
		return errors.New("the TLS configuration has no certificate")
	}
	return nil
}
