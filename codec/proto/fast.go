// SPDX-License-Identifier: Apache-2.0

package proto

import (
	"fmt"
	"slices"
)

// fastMarshaler is what vtprotobuf's marshal and size features generate.
type fastMarshaler interface {
	// SizeVT is the length of the encoding in bytes.
	SizeVT() int
	// MarshalToSizedBufferVT writes the encoding to the end of the buffer and
	// returns its length.
	MarshalToSizedBufferVT(buffer []byte) (int, error)
}

// fastUnmarshaler is what vtprotobuf's unmarshal feature generates. UnmarshalVT
// merges, so Reset is called first.
type fastUnmarshaler interface {
	Reset()
	UnmarshalVT(data []byte) error
}

func appendFast(dst []byte, m fastMarshaler) ([]byte, error) {
	size := m.SizeVT()
	out := slices.Grow(dst, size)[:len(dst)+size]
	wrote, err := m.MarshalToSizedBufferVT(out[len(dst):])
	if err != nil {
		return dst, fmt.Errorf("proto codec: encode %T: %w", m, err)
	}
	if wrote != size {
		return dst, fmt.Errorf("proto codec: encode %T: its size is %d bytes but it wrote %d; was it changed meanwhile?", m, size, wrote)
	}
	return out, nil
}
