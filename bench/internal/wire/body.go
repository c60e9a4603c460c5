// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// MinBody is the smallest body that [Value] can make, in bytes: a field of
// one byte with its tag and its length.
const MinBody = 3

// Value returns the content for a wrapperspb.BytesValue whose encoding is
// exactly size bytes. It fails for sizes below [MinBody], above [MaxBody], and
// for the few sizes that no length prefix can reach (130, 16387).
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
