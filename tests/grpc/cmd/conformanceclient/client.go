// SPDX-License-Identifier: Apache-2.0

//go:build conformance

package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strconv"

	"example.com/mailcall/api"
	conformancev1 "example.com/mailcall/tests/grpc/internal/conformancev1"
	"example.com/mailcall/transport/grpc"
)

// client returns a client for a request. It has no retries, because the suite counts
// requests, and no default timeouts, because the suite sets deadlines.
func client(request *conformancev1.ClientCompatRequest) (*api.Caller, error) {
	var opts []grpc.Option
	switch c := request.GetCompression(); c {
	case conformancev1.Compression_COMPRESSION_IDENTITY, conformancev1.Compression_COMPRESSION_UNSPECIFIED:
	case conformancev1.Compression_COMPRESSION_GZIP:
		opts = append(opts, grpc.WithGzip())
	default:
		return nil, fmt.Errorf("unsupported compression %s", c)
	}
	if n := request.GetMessageReceiveLimit(); n > 0 {
		opts = append(opts, grpc.WithMaxMessage(int(n)))
	}
	if pem := request.GetServerTlsCert(); len(pem) > 0 {
		secure, err := secured(pem, request.GetClientTlsCreds())
		if err != nil {
			return nil, err
		}
		opts = append(opts, grpc.WithTLS(secure))
	}
	over, err := grpc.New(opts...)
	if err != nil {
		return nil, err
	}
	return api.New(
		api.WithTransport(over),
		api.WithAddress(net.JoinHostPort(request.GetHost(), strconv.FormatUint(uint64(request.GetPort()), 10))),
		api.WithRetries(0), api.WithRequestTimeout(0), api.WithAttemptTimeout(0),
	)
}

// secured trusts only the certificate of the server, and presents that of the client if
// there is one.
func secured(server []byte, own *conformancev1.TLSCreds) (*tls.Config, error) {
	c := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	if !c.RootCAs.AppendCertsFromPEM(server) {
		return nil, errors.New("the certificate of the server is not PEM")
	}
	if own == nil {
		return c, nil
	}
	pair, err := tls.X509KeyPair(own.GetCert(), own.GetKey())
	if err != nil {
		return nil, fmt.Errorf("the certificate of the client: %w", err)
	}
	c.Certificates = []tls.Certificate{pair}
	return c, nil
}
