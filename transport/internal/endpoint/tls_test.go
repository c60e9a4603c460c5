// SPDX-License-Identifier: Apache-2.0

package endpoint_test

import (
	"crypto/tls"
	"errors"
	"testing"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/internal/endpoint"
)

func TestParseWithTLS(t *testing.T) {
	for _, tc := range []struct {
		address string
		config  *tls.Config
		ok      bool
	}{
		{"host:80", nil, true},
		{"host:80", &tls.Config{}, true},
		{"http://host:80", nil, true},
		{"http://host:80", &tls.Config{}, false},
		{"https://host", nil, true},
		{"unix:/tmp/s", &tls.Config{}, true},
		{"host", nil, false},
		{"host", &tls.Config{}, false},
		{"ftp://host", nil, false},
	} {
		e, err := endpoint.ParseWithTLS(tc.address, tc.config)
		if tc.ok && (err != nil || e.Network == "") {
			t.Errorf("%s: got %v, %v, want an endpoint", tc.address, e, err)
		}
		if !tc.ok && !errors.Is(err, transport.ErrAddress) {
			t.Errorf("%s: got %v, %v, want an error of the address", tc.address, e, err)
		}
	}
}

func TestCheckServerTLS(t *testing.T) {
	for name, tc := range map[string]struct {
		config *tls.Config
		ok     bool
	}{
		"no TLS":      {nil, true},
		"empty":       {&tls.Config{}, false},
		"certificate": {&tls.Config{Certificates: make([]tls.Certificate, 1)}, true},
		"callback":    {&tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil }}, true},
		"per client":  {&tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, nil }}, true},
	} {
		if err := endpoint.CheckServerTLS(tc.config); (err == nil) != tc.ok {
			t.Errorf("%s: got %v, want an error: %t", name, err, !tc.ok)
		}
	}
}
