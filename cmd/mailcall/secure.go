// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
)

// maxPEM is the largest PEM file that is read, in bytes.
const maxPEM = 4 << 20

// pairFlags give a certificate and its key. The flags of this file are named as in curl
// and grpcurl.
//
//nolint:tagalign // one tag below the other would be wider than any screen
type pairFlags struct {
	Cert string `placeholder:"FILE" help:"Certificate (PEM) to present to the peer (default: none)."`
	Key  string `placeholder:"FILE" help:"Private key (PEM) of --cert, if it is not in the same file."`
}

// pairs reads the certificate, if one is given.
func (f *pairFlags) pairs() ([]tls.Certificate, error) {
	switch {
	case f.Cert == "" && f.Key == "":
		return nil, nil
	case f.Cert == "":
		return nil, usage("add --cert FILE", "--key %s is given without a certificate", f.Key)
	}
	pair, err := loadPair(f.Cert, cmp.Or(f.Key, f.Cert))
	if err != nil {
		return nil, usage("the files must be PEM; without --key the file of --cert must also have the key", "--cert %s: %w", f.Cert, err)
	}
	return []tls.Certificate{pair}, nil
}

// rootsOf reads the CA certificates, nil for those of the system.
func rootsOf(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // package tls uses the system's for nil
	}
	roots, err := loadRoots(path)
	if err != nil {
		return nil, usage("the file must have certificates in PEM form", "--cacert %s: %w", path, err)
	}
	return roots, nil
}

func loadRoots(path string) (*x509.CertPool, error) {
	text, err := readFile(path, maxPEM)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, errors.New("it has no certificate")
	}
	return roots, nil
}

func loadPair(cert, key string) (tls.Certificate, error) {
	chain, err := readFile(cert, maxPEM)
	if err != nil {
		return tls.Certificate{}, err
	}
	private := chain
	if key != cert {
		if private, err = readFile(key, maxPEM); err != nil {
			return tls.Certificate{}, err
		}
	}
	return tls.X509KeyPair(chain, private)
}

// tlsFlags configure TLS for connections to nodes.
//
//nolint:tagalign // one tag below the other would be wider than any screen
type tlsFlags struct {
	TLS    bool   `name:"tls" help:"Use TLS for every node, even if the address does not begin with https://; implied by the other TLS flags."`
	CACert string `name:"cacert" placeholder:"FILE" help:"CA certificates (PEM) to verify nodes (default: those of the system)."`

	pairFlags

	Insecure   bool   `short:"k" help:"Do not verify the certificates of nodes."`
	ServerName string `name:"servername" placeholder:"NAME" help:"Host name that the certificate of a node must be valid for (default: the host of its address)."`
}

// wanted reports whether every connection must use TLS.
func (f *tlsFlags) wanted() bool { return *f != tlsFlags{} }

// config returns the TLS configuration, nil if the addresses decide.
func (f *tlsFlags) config() (*tls.Config, error) {
	if !f.wanted() {
		return nil, nil //nolint:nilnil // without a configuration the address decides
	}
	if f.Insecure && (f.CACert != "" || f.ServerName != "") {
		return nil, usage("leave out --insecure or the others", "--insecure turns verification off, --cacert and --servername configure it")
	}
	roots, err := rootsOf(f.CACert)
	if err != nil {
		return nil, err
	}
	pairs, err := f.pairs()
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, RootCAs: roots, Certificates: pairs, ServerName: f.ServerName,
		InsecureSkipVerify: f.Insecure,
	}, nil
}

// brokerTLSFlags are [tlsFlags] with help for publishing and subscribing.
//
//nolint:tagalign // one tag below the other would be wider than any screen
type brokerTLSFlags struct {
	TLS    bool   `name:"tls" help:"Use TLS for the NATS server, even if its URL does not begin with tls://; implied by the other TLS flags. Subscribers of the http broker announce themselves whether they use TLS."`
	CACert string `name:"cacert" placeholder:"FILE" help:"CA certificates (PEM) to verify the NATS server, or the peers of the http broker (default: those of the system; certificates of publishers are not required)."`

	pairFlags

	Insecure   bool   `short:"k" help:"Do not verify the certificate of the server or a subscriber."`
	ServerName string `name:"servername" placeholder:"NAME" help:"Host name that the certificate of the server or a subscriber must be valid for (default: the host of its address)."`
}

// config returns the TLS configuration of the broker, nil if the addresses decide. A
// subscriber of the http broker listens with it, and, as with [secureFlags], requires
// client certificates if --cacert is given.
func (f *brokerTLSFlags) config() (*tls.Config, error) {
	config, err := (*tlsFlags)(f).config()
	if config != nil && config.RootCAs != nil && len(config.Certificates) > 0 {
		config.ClientCAs, config.ClientAuth = config.RootCAs, tls.RequireAndVerifyClientCert
	}
	return config, err
}

// secureFlags configure TLS for serving.
//
//nolint:tagalign // one tag below the other would be wider than any screen
type secureFlags struct {
	pairFlags

	CACert string `name:"cacert" placeholder:"FILE" help:"CA certificates (PEM) to verify callers, which then must present a certificate."`
}

// wanted reports whether TLS is to be used.
func (f *secureFlags) wanted() bool { return *f != secureFlags{} }

// config returns the TLS configuration, nil for cleartext.
func (f *secureFlags) config() (*tls.Config, error) {
	if f.CACert != "" && f.Cert == "" {
		return nil, usage("add --cert FILE", "--cacert verifies the certificates of callers, but the server has no certificate itself")
	}
	pairs, err := f.pairs()
	if err != nil || pairs == nil {
		return nil, err
	}
	roots, err := rootsOf(f.CACert)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: pairs, ClientCAs: roots}
	if roots != nil {
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return config, nil
}
