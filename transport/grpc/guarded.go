// SPDX-License-Identifier: Apache-2.0

package grpc

import (
	"crypto/tls"
	"crypto/x509"

	"example.com/mailcall/internal/guard"
)

// guarded returns a copy of c whose functions fail the handshake when they panic:
// they run on goroutines of gRPC's library, where nobody else would catch it.
func guarded(c *tls.Config) *tls.Config {
	c = c.Clone()
	if f := c.VerifyConnection; f != nil {
		c.VerifyConnection = func(s tls.ConnectionState) (err error) {
			defer guard.Catch("VerifyConnection", &err)
			return f(s)
		}
	}
	if f := c.VerifyPeerCertificate; f != nil {
		c.VerifyPeerCertificate = func(raw [][]byte, chains [][]*x509.Certificate) (err error) {
			defer guard.Catch("VerifyPeerCertificate", &err)
			return f(raw, chains)
		}
	}
	if f := c.GetClientCertificate; f != nil {
		c.GetClientCertificate = func(i *tls.CertificateRequestInfo) (_ *tls.Certificate, err error) {
			defer guard.Catch("GetClientCertificate", &err)
			return f(i)
		}
	}
	if f := c.GetCertificate; f != nil {
		c.GetCertificate = func(i *tls.ClientHelloInfo) (_ *tls.Certificate, err error) {
			defer guard.Catch("GetCertificate", &err)
			return f(i)
		}
	}
	if f := c.GetConfigForClient; f != nil {
		c.GetConfigForClient = func(i *tls.ClientHelloInfo) (_ *tls.Config, err error) {
			defer guard.Catch("GetConfigForClient", &err)
			return f(i)
		}
	}
	return c
}
