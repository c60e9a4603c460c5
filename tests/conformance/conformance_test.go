// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/mailcall/codec"
	"example.com/mailcall/codec/builtin"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/tests/conformance"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http"
	"example.com/mailcall/transport/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTransports(t *testing.T) {
	for name, factory := range factories() {
		t.Run(name, func(t *testing.T) { conformance.Transport(t, factory) })
	}
}

func factories() map[string]conformance.Factory {
	return map[string]conformance.Factory{
		"http":  func(t *testing.T) conformance.Rig { return overHTTP(t) },
		"https": func(t *testing.T) conformance.Rig { return overHTTP(t, http.WithTLS(security(t))) },
		"memory": func(*testing.T) conformance.Rig {
			n := memory.New()
			return conformance.Rig{Transport: n, Listen: n.Listen, Address: ":0"}
		},
		"no more than the contract": func(t *testing.T) conformance.Rig {
			r := overHTTP(t)
			r.Transport = bare{r.Transport}
			return r
		},
	}
}

func overHTTP(t *testing.T, opts ...http.Option) conformance.Rig {
	t.Helper()
	over, err := http.New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	return conformance.Rig{Transport: over, Listen: over.Listen, Address: "127.0.0.1:0"}
}

// security is a certificate that trusts itself.
func security(t *testing.T) *tls.Config {
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
	return &tls.Config{
		RootCAs:      pool,
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
	}
}

func TestCodecs(t *testing.T) {
	reply := &greet.HelloReply{Greeting: "Hello \u00e4 \"<&>\" \n", Seq: 1 << 60, Headers: []string{"a", ""}}
	plain := &mailcalltest.JSONRequest{Name: "Ann", Nums: []int{1, -2, 1 << 40}}
	raw, text := &codec.Frame{Data: []byte("\x00\x01 abc\xff")}, "some text"
	for contentType, c := range builtin.Codecs() {
		values := []any{reply, &greet.HelloRequest{Name: "Ann", Count: -3, SleepMs: 1, Code: 404}}
		switch contentType {
		case "application/json", "application/json-rpc", "application/grpc+json":
			values = append(values, plain)
		case "application/octet-stream":
			values = []any{raw, &[]byte{1, 2, 3}}
		case "text/plain":
			values = []any{&text}
		}
		t.Run(contentType, func(t *testing.T) { conformance.Codec(t, c, values...) })
	}
}

// bare hides what else a transport's connections can do.
type bare struct{ transport.Transport }

type bareConn struct{ transport.Conn }
