// SPDX-License-Identifier: Apache-2.0

package codec

// FrameOf reports whether v is a [Frame] or a *Frame that is not nil, and returns
// its bytes, not a copy. Every codec calls it before it encodes.
func FrameOf(v any) ([]byte, bool) {
	switch f := v.(type) {
	case Frame:
		return f.Data, true
	case *Frame:
		if f != nil {
			return f.Data, true
		}
	}
	return nil, false
}

// SetFrame reports whether v is a *[Frame] that is not nil, and copies data into it.
// Every codec calls it before it decodes.
func SetFrame(v any, data []byte) bool {
	f, ok := v.(*Frame)
	if !ok || f == nil {
		return false
	}
	f.Data = append([]byte{}, data...)
	return true
}
