// SPDX-License-Identifier: Apache-2.0

package nats_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"example.com/mailcall/broker"
	"example.com/mailcall/contrib/nats"
)

// certificate returns a configuration with a self-signed certificate that it trusts.
func certificate(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

func TestTLSAndUser(t *testing.T) {
	security := certificate(t)
	s := start(t, func(o *server.Options) {
		o.TLSConfig, o.TLSTimeout = security, 5
		o.Username, o.Password = "ann", "secret"
	})
	trust := &tls.Config{RootCAs: security.RootCAs}
	fine := newBroker(t, s.ClientURL(), nats.WithTLS(trust), nats.WithUser("ann", "secret"))
	if err := fine.Publish(t.Context(), "a", &broker.Message{}); err != nil {
		t.Error(err)
	}
	for what, opts := range map[string][]nats.Option{
		"wrong password":      {nats.WithTLS(trust), nats.WithUser("ann", "guess")},
		"unknown certificate": {nats.WithUser("ann", "secret")},
		"no credentials file": {nats.WithTLS(trust), nats.WithCredentials("testdata/none.creds")},
	} {
		err := newBroker(t, s.ClientURL(), opts...).Publish(t.Context(), "a", &broker.Message{})
		if !errors.Is(err, nats.ErrDisconnected) || !errors.Is(err, broker.ErrNotSent) {
			t.Errorf("%s: got %v, want ErrDisconnected that is ErrNotSent", what, err)
		}
	}
}
