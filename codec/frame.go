// SPDX-License-Identifier: Apache-2.0

package codec

// FrameOf returns the bytes of v if v is a [Frame] or a *Frame that is not
// nil, and whether it is one. Every codec asks it before it encodes. The bytes
// are those of the frame itself, not a copy.
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

// SetFrame copies data into v if v is a *[Frame] that is not nil, and reports
// whether it is one. Every codec asks it before it decodes.
func SetFrame(v any, data []byte) bool {
	f, ok := v.(*Frame)
	if !ok || f == nil {
		return false
	}
	f.Data = append([]byte{}, data...)
	return true
}
