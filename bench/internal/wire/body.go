// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// MinBody is the smallest size for [Value], in bytes: a field of one byte with its tag
// and length.
const MinBody = 3

// Value returns the content with which a wrapperspb.BytesValue is encoded in exactly
// size bytes. It returns an error for sizes below [MinBody], above [MaxBody], and for
// the few that are impossible because of the length prefix (130, 16387).
func Value(size int) ([]byte, error) {
	if size < MinBody || size > MaxBody {
		return nil, fmt.Errorf("payload of %d bytes is out of range; use %d to %d", size, MinBody, MaxBody)
	}
	for n := size - 2; n > 0 && n >= size-6; n-- {
		if protowire.SizeTag(1)+protowire.SizeBytes(n) != size {
			continue
		}
		value := make([]byte, n)
		for i := range value {
			value[i] = byte('a' + i%26)
		}
		return value, nil
	}
	return nil, fmt.Errorf("no protobuf bytes value is %d bytes long; use %d", size, size+1)
}
