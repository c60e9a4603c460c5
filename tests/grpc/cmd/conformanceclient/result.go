// SPDX-License-Identifier: Apache-2.0

//go:build conformance

package main

import (
	"encoding/base64"
	"strings"

	conformancev1 "example.com/mailcall/tests/grpc/internal/conformancev1"
	"example.com/mailcall/tests/grpc/internal/outcome"
	"example.com/mailcall/transport"
)

// failure converts err to the suite's form, nil for nil. The codes are gRPC's.
func failure(err error) *conformancev1.Error {
	if err == nil {
		return nil
	}
	st := outcome.Status(err).Proto()
	return &conformancev1.Error{Code: conformancev1.Code(st.GetCode()), Message: new(st.GetMessage()), Details: st.GetDetails()}
}

// binarySuffix is the suffix of header names with binary values, which the suite
// encodes in base64.
const binarySuffix = "-bin"

// fields converts a header to the suite's form, with the values grouped by name.
func fields(h transport.Header) []*conformancev1.Header {
	var all []*conformancev1.Header
	known := map[string]*conformancev1.Header{}
	for _, f := range h {
		name := strings.ToLower(f.Name)
		if known[name] == nil {
			known[name] = &conformancev1.Header{Name: name}
			all = append(all, known[name])
		}
		value := f.Value
		if strings.HasSuffix(name, binarySuffix) {
			value = base64.RawStdEncoding.EncodeToString([]byte(value))
		}
		known[name].Value = append(known[name].Value, value)
	}
	return all
}

// plain decodes a value of the suite for mailcall.
func plain(name, value string) string {
	if !strings.HasSuffix(strings.ToLower(name), binarySuffix) {
		return value
	}
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(value, "="))
	if err != nil {
		return value // it was not encoded
	}
	return string(raw)
}
