// SPDX-License-Identifier: Apache-2.0

package frame

// maxDigits is the number of digits that cannot overflow a uint64.
const maxDigits = 19

// decimal returns the number with the decimal form s, if s is exactly what strconv writes
// for it: only then it can be sent as a number and be restored unchanged.
func decimal(s string) (v uint64, ok bool) {
	if len(s) == 0 || len(s) > maxDigits || s[0] == '0' && len(s) > 1 {
		return 0, false
	}
	for i := range len(s) {
		d := s[i] - '0'
		if d > 9 {
			return 0, false
		}
		v = v*10 + uint64(d)
	}
	return v, true
}

// volatileName reports whether the value of a field with this name mostly is a number
// that changes from message to message.
func volatileName(s string) bool {
	switch len(s) {
	case len(nameTimeout):
		return s == nameTimeout
	case len("Micro-ID"):
		return s == "Micro-ID" || s == "Micro-Id"
	case len("X-Micro-ID"):
		return s == "X-Micro-ID"
	}
	return false
}

const nameTimeout = "Timeout"

// stable reports whether the value of a field with this name is likely to be repeated.
// Such values are part of the hash of a header.
func stable(s string) bool {
	switch len(s) {
	case len("Accept"):
		return s == "Accept"
	case len("Content-Type"):
		return s == "Content-Type" || s == "Micro-Method"
	}
	return len(s) > 6 && s[:6] == "Micro-"
}

// hash mixes s into h. It is the same on every machine, so that the sent bytes are the
// same too. Collisions do no harm, because headers with the same hash are compared.
func hash(h uint64, s string) uint64 {
	const k = 0x9e3779b97f4a7c15
	n := len(s)
	h = (h ^ uint64(n)) * k
	i := 0
	for ; i+8 <= n; i += 8 {
		h = (h ^ load8(s, i)) * k
		h ^= h >> 32
	}
	switch {
	case n >= 8:
		h = (h ^ load8(s, n-8)) * k
	default:
		for ; i < n; i++ {
			h = (h ^ uint64(s[i])) * k
		}
	}
	return h ^ h>>29
}

func load8(s string, i int) uint64 {
	_ = s[i+7]
	return uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
		uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
}
