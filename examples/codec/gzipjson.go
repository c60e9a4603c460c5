// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"

	"example.com/mailcall/codec"
)

// contentType identifies the codec on both sides.
const contentType = "application/json+gzip"

// maxText bounds the decompressed value, in bytes: a few kilobytes can decompress to
// gigabytes of zeros.
const maxText = 16 << 20

// gzipJSON is a codec: compressed JSON. It has no state, so it is safe for concurrent
// use.
type gzipJSON struct{}

var _ codec.Codec = gzipJSON{}

// Marshal implements codec.Codec.
func (gzipJSON) Marshal(v any) ([]byte, error) {
	if v == nil {
		return nil, &codec.TypeError{Codec: "gzip json", Want: "what encoding/json takes", Got: "nil"}
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		return nil, fmt.Errorf("gzip json codec: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("gzip json codec: %w", err)
	}
	return packed.Bytes(), nil
}

// Unmarshal implements codec.Codec.
func (gzipJSON) Unmarshal(data []byte, v any) error {
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("gzip json codec: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(r, maxText+1))
	if err == nil && len(text) > maxText {
		err = fmt.Errorf("more than %d bytes when unpacked", maxText)
	}
	if err == nil {
		err = json.Unmarshal(text, v)
	}
	if err != nil {
		return fmt.Errorf("gzip json codec: %w", err)
	}
	return nil
}
