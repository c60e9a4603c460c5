// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// papers has the paths of certificate files, named as in curl.
type papers struct {
	ca        string // the CA of the pair
	cert, key string // for 127.0.0.1 and localhost
	both      string // the pair in one file
	other     string // the CA of no certificate
}

func issue(t *testing.T) papers {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, blocks ...*pem.Block) string {
		var text []byte
		for _, b := range blocks {
			text = append(text, pem.EncodeToMemory(b)...)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		NotBefore: root.NotBefore, NotAfter: root.NotAfter,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	signer, own := newKey(t), newKey(t)
	ca, cert, key := sign(t, root, root, signer, signer), sign(t, leaf, root, own, signer), pemKey(t, own)
	stranger := newKey(t)
	return papers{
		ca: write("ca.pem", ca), cert: write("cert.pem", cert), key: write("key.pem", key), both: write("both.pem", cert, key),
		other: write("other.pem", sign(t, root, root, stranger, stranger)),
	}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t *testing.T, c, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) *pem.Block {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	return &pem.Block{Type: "CERTIFICATE", Bytes: der}
}

func pemKey(t *testing.T, key *ecdsa.PrivateKey) *pem.Block {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return &pem.Block{Type: "PRIVATE KEY", Bytes: der}
}

func TestTLS(t *testing.T) {
	p := issue(t)
	for _, transport := range []string{"http", "tcp", "grpc", "mucp-grpc"} {
		over := "--transport=" + transport
		open := serve(t, over, "--cert", p.cert, "--key", p.key)
		mutual := serve(t, over, "--cert", p.both, "--cacert", p.ca)
		plain := serve(t, over)
		for _, tc := range []struct {
			name string
			args []string
			code int
			err  string
		}{
			{"an authority", []string{"--address=" + open, "--cacert", p.ca}, 0, ""},
			{"with https", []string{"--address=https://" + open, "--cacert", p.ca}, 0, ""},
			{"any certificate", []string{"--address=" + open, "-k"}, 0, ""},
			{"a name", []string{"--address=" + open, "--cacert", p.ca, "--servername=localhost"}, 0, ""},
			{"both certificates", []string{"--address=" + mutual, "--cacert", p.ca, "--cert", p.cert, "--key", p.key}, 0, ""},
			{"both in one file", []string{"--address=" + mutual, "--cacert", p.ca, "--cert", p.both}, 0, ""},
			{"from a registry", []string{"--registry=static:greeter=" + open, "--cacert", p.ca}, 0, ""},

			{"roots of the system", []string{"--address=" + open, "--tls"}, 3, "hint: set --cacert to"},
			{"another authority", []string{"--address=" + open, "--cacert", p.other}, 3, "hint: set --cacert to"},
			{"another name", []string{"--address=" + open, "--cacert", p.ca, "--servername=other.test"}, 3, "hint: set --servername to"},
			{"no certificate of the caller", []string{"--address=" + mutual, "--cacert", p.ca}, 3, "hint: "},
			{"cleartext to TLS", []string{"--address=" + open}, 3, "(https://)"},
			{"TLS to cleartext", []string{"--address=" + plain, "--cacert", p.ca}, 3, "hint: does the server use TLS on this port?"},
		} {
			got := mailcall(t, append([]string{"call", over, "--retries=0", "greeter", "Greeter.Hello", `{"name":"Ada"}`}, tc.args...)...)
			want := ""
			if tc.code == 0 {
				want = lines(`{"greeting":"Hello Ada"}`)
			}
			if got.code != tc.code || got.out != want || !strings.Contains(got.errors, tc.err) {
				t.Errorf("%s, %s: got exit code %d, %q, %q, want %d, %q, %q", transport, tc.name, got.code, got.out, got.errors, tc.code, want, tc.err)
			}
		}
		cmd := command(t, "stream", over, "--address", mutual, "--cacert", p.ca, "--cert", p.both, "greeter", "Greeter.Bidi")
		cmd.Stdin = strings.NewReader(lines(`{"name":"Ada"}`))
		if got := finish(t, cmd); got.code != 0 || got.out != lines(`{"greeting":"Hello Ada"}`) {
			t.Errorf("%s, a stream: got exit code %d, %q, %q, want 0 and the reply", transport, got.code, got.out, got.errors)
		}
	}
}

// The flags for brokers have the same names.
func TestTLSOfBrokers(t *testing.T) {
	p := issue(t)
	pair, err := tls.LoadX509KeyPair(p.cert, p.key)
	if err != nil {
		t.Fatal(err)
	}
	open := natsServer(t)
	closed := strings.Replace(natsServerWith(t, &tls.Config{Certificates: []tls.Certificate{pair}}), "nats://", "tls://", 1)
	nats, over := []string{"--broker=nats", "--broker-address=" + closed}, []string{"--broker=http", "--registry=" + open}
	for _, tc := range []struct {
		name               string
		subscribe, publish []string
		err                string // part of the publisher's stderr
	}{
		{"nats", append(nats, "--cacert", p.ca), append(nats, "--cacert", p.ca), ""},
		{"nats, any certificate", append(nats, "-k"), append(nats, "-k"), ""},
		{"nats, unknown authority", append(nats, "-k"), nats, "hint: set --cacert to"},
		{"http", append(over, "--cert", p.both), append(over, "--cacert", p.ca), ""},
		{"http, both certificates", append(over, "--cert", p.both, "--cacert", p.ca), append(over, "--cert", p.both, "--cacert", p.ca), ""},
		{"http, no certificate of the publisher", append(over, "--cert", p.both, "--cacert", p.ca), append(over, "--cacert", p.ca), "hint: does the peer require a client certificate"},
		{"http, unknown authority", append(over, "--cert", p.both), over, "hint: set --cacert to"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := talk(t, append([]string{"subscribe", "orders", "--count=1"}, tc.subscribe...)...)
			d.hear(t, d.err, "subscribed orders")
			got := mailcall(t, append([]string{"publish", "orders", `{"id":1}`}, tc.publish...)...)
			if (got.code == 0) != (tc.err == "") || !strings.Contains(got.errors, tc.err) {
				t.Errorf("got exit code %d, %q, want %q", got.code, got.errors, tc.err)
			}
			if tc.err != "" {
				if err := d.Process.Signal(os.Interrupt); err != nil {
					t.Fatal(err)
				}
			} else {
				d.hear(t, d.out, `{"id":1}`)
			}
			if got := d.end(t); got.code != 0 {
				t.Errorf("the subscriber: got exit code %d, %q, want 0", got.code, got.errors)
			}
		})
	}
}

func TestWordsOfTLS(t *testing.T) {
	p := issue(t)
	for _, tc := range []struct {
		args []string
		err  string
	}{
		{[]string{"call", "--cacert=/nowhere.pem"}, "no such file"},
		{[]string{"call", "--cacert", p.key}, "it has no certificate"},
		{[]string{"call", "--cert=/nowhere.pem"}, "no such file"},
		{[]string{"call", "--cert", p.cert}, "hint: the files must be PEM"},
		{[]string{"call", "--cert", p.cert, "--key", p.ca}, "hint: the files must be PEM"},
		{[]string{"call", "--key", p.key}, "hint: add --cert"},
		{[]string{"call", "--insecure", "--cacert", p.ca}, "hint: leave out --insecure"},
		{[]string{"call", "--tls", "--address=http://127.0.0.1:1"}, "asks for cleartext"},
		{[]string{"call", "--tls", "--transport=memory"}, "has no TLS"},
		{[]string{"call", "--tls", "--registry=memory"}, "has no TLS"},
		{[]string{"publish", "--key", p.key, "t", "{}"}, "hint: add --cert"},
		{[]string{"subscribe", "--insecure", "--cacert", p.ca, "t"}, "hint: leave out --insecure"},
		{[]string{"serve", "--cacert", p.ca}, "hint: add --cert"},
		{[]string{"serve", "--cert=/nowhere.pem"}, "no such file"},
		{[]string{"serve", "--transport=nats", "--cert", p.both}, "the NATS server"},
	} {
		args := tc.args
		if args[0] == "call" {
			args = append(args, "greeter", "Greeter.Hello")
			if !strings.Contains(strings.Join(args, " "), "--address") && !strings.Contains(strings.Join(args, " "), "memory") {
				args = append(args, "--address=127.0.0.1:1")
			}
		}
		got := mailcall(t, args...)
		if got.code != 1 || got.out != "" || !strings.Contains(got.errors, tc.err) {
			t.Errorf("%q: got exit code %d, %q, %q, want 1 and %q", args, got.code, got.out, got.errors, tc.err)
		}
	}
}

// An invalid address is an error in the command line, and nothing is dialled.
func TestWrongAddresses(t *testing.T) {
	for _, transport := range []string{"http", "tcp", "grpc", "mucp-grpc"} {
		for _, address := range []string{"127.0.0.1:65536", "127.0.0.1:0", "127.0.0.1:nosuchport", ":80", "https://:80", "ftp://127.0.0.1:80", "127.0.0.1:80/path", "a:b:c", "no such:80", "me@host:80", "unix:"} {
			got := mailcall(t, "call", "--transport", transport, "--address", address, "greeter", "Greeter.Hello")
			if got.code != 1 || !strings.Contains(got.errors, address) || !strings.Contains(got.errors, "hint: an address is HOST:PORT") {
				t.Errorf("%s at %s: got exit code %d and %q, want 1 and the address", transport, address, got.code, got.errors)
			}
		}
	}
	if got := mailcall(t, "call", "--address", "unix:path", "greeter", "Greeter.Hello"); got.code != 1 {
		t.Errorf("a relative path: got exit code %d and %q, want 1", got.code, got.errors)
	}
	if got := mailcall(t, "call", "--transport=grpc", "--address", "unix:path", "greeter", "Greeter.Hello"); got.code != 3 {
		t.Errorf("a relative path over grpc: got exit code %d and %q, want 3", got.code, got.errors)
	}
}

// A call with the wrong transport gets a hint.
func TestWrongTransports(t *testing.T) {
	for _, tc := range []struct{ serves, calls string }{
		{"http", "grpc"}, {"http", "mucp-grpc"}, {"http", "tcp"},
		{"tcp", "http"}, {"tcp", "grpc"}, {"tcp", "mucp-grpc"},
		{"grpc", "http"}, {"grpc", "tcp"}, {"grpc", "mucp-grpc"},
		{"mucp-grpc", "http"}, {"mucp-grpc", "tcp"},
	} {
		at := serve(t, "--transport", tc.serves)
		got := mailcall(t, "call", "--transport", tc.calls, "--address", at, "--timeout=300ms", "--retries=0", "greeter", "Greeter.Hello")
		if got.code != 3 || !strings.Contains(got.errors, "--transport") {
			t.Errorf("%s to a node of %s: got exit code %d and %q, want 3 and a hint about --transport", tc.calls, tc.serves, got.code, got.errors)
		}
	}
}
