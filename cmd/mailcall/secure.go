// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
)

// maxPEM is the longest file of certificates or keys that is read, in bytes.
const maxPEM = 4 << 20

// pairFlags are a certificate and its key. The words of this file are those of
// curl and grpcurl.
//
//nolint:tagalign // one tag below the other would be wider than any screen
type pairFlags struct {
	Cert string `placeholder:"FILE" help:"Certificate (PEM) to show to the other side (default: none)."`
	Key  string `placeholder:"FILE" help:"Private key (PEM) of --cert, if it is in a file of its own."`
}

// pairs reads the certificate, if there is one.
func (f *pairFlags) pairs() ([]tls.Certificate, error) {
	switch {
	case f.Cert == "" && f.Key == "":
		return nil, nil
	case f.Cert == "":
		return nil, usage("add --cert FILE", "--key %s is the key of no certificate", f.Key)
	}
	pair, err := loadPair(f.Cert, cmp.Or(f.Key, f.Cert))
	if err != nil {
		return nil, usage("the files are PEM; without --key the key is in the file of --cert", "--cert %s: %w", f.Cert, err)
	}
	return []tls.Certificate{pair}, nil
}

// rootsOf reads who is believed, nil for those of the system.
func rootsOf(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // it is what package tls takes for the system's
	}
	roots, err := loadRoots(path)
	if err != nil {
		return nil, usage("FILE has certificates in PEM", "--cacert %s: %w", path, err)
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
		return nil, errors.New("there is no certificate in it")
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

// tlsFlags say how connections to nodes are secured.
//
//nolint:tagalign // one tag below the other would be wider than any screen
type tlsFlags struct {
	TLS    bool   `name:"tls" help:"TLS to every node, also where the address does not begin with https://; the other flags of TLS imply it."`
	CACert string `name:"cacert" placeholder:"FILE" help:"Certificates (PEM) of those who vouch for nodes (default: those of the system)."`

	pairFlags

	Insecure   bool   `short:"k" help:"Believe any certificate of a node."`
	ServerName string `name:"servername" placeholder:"NAME" help:"Name that the certificate of a node must have (default: the host of its address)."`
}

// wanted reports whether every connection has to be secured.
func (f *tlsFlags) wanted() bool { return *f != tlsFlags{} }

// config is what connections are made with, nil to do what addresses ask for.
func (f *tlsFlags) config() (*tls.Config, error) {
	if !f.wanted() {
		return nil, nil //nolint:nilnil // without a configuration the transports read the address
	}
	if f.Insecure && (f.CACert != "" || f.ServerName != "") {
		return nil, usage("leave one of the two out", "--insecure believes every certificate, --cacert and --servername do not")
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

// postTLSFlags are [tlsFlags] in the words of those who publish and subscribe.
//
//nolint:tagalign // one tag below the other would be wider than any screen
type postTLSFlags struct {
	TLS    bool   `name:"tls" help:"TLS to the NATS server, also where its URL does not begin with tls://; the other flags of TLS imply it. Subscribers of the http broker say themselves whether they want it."`
	CACert string `name:"cacert" placeholder:"FILE" help:"Certificates (PEM) of those who vouch for the NATS server or for the other side of the http broker (default: those of the system; nobody asks publishers for one)."`

	pairFlags

	Insecure   bool   `short:"k" help:"Believe any certificate of the server or a subscriber."`
	ServerName string `name:"servername" placeholder:"NAME" help:"Name that the certificate of the server or a subscriber must have (default: the host of its address)."`
}

// config is what the broker is made with, nil to do what addresses ask for. A
// subscriber of the http broker listens with it, and as with [secureFlags] asks
// for certificates when it was told who vouches for them.
func (f *postTLSFlags) config() (*tls.Config, error) {
	config, err := (*tlsFlags)(f).config()
	if config != nil && config.RootCAs != nil && len(config.Certificates) > 0 {
		config.ClientCAs, config.ClientAuth = config.RootCAs, tls.RequireAndVerifyClientCert
	}
	return config, err
}

// secureFlags say how what is served is secured.
//
//nolint:tagalign // one tag below the other would be wider than any screen
type secureFlags struct {
	pairFlags

	CACert string `name:"cacert" placeholder:"FILE" help:"Certificates (PEM) of those who vouch for callers, who must show one then."`
}

// wanted reports whether anything is to be secured.
func (f *secureFlags) wanted() bool { return *f != secureFlags{} }

// config is what is listened with, nil for cleartext.
func (f *secureFlags) config() (*tls.Config, error) {
	if f.CACert != "" && f.Cert == "" {
		return nil, usage("add --cert FILE", "--cacert is about certificates of callers, and there is none to serve with")
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
