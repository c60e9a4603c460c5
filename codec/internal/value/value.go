// SPDX-License-Identifier: Apache-2.0

// Package value has what the codecs of this repository share: how to recognise nil,
// how to set a value to zero, and the error for a value of the wrong type.
package value

import (
	"fmt"
	"reflect"

	"google.golang.org/protobuf/proto"

	"example.com/mailcall/codec"
)

// Nil reports whether v is nil or contains a nil pointer. Nil slices and maps are
// values like any other. It does not allocate.
func Nil(v any) bool {
	if v == nil {
		return true
	}
	r := reflect.ValueOf(v)
	return r.Kind() == reflect.Pointer && r.IsNil()
}

// Target reports whether v is a pointer that something can be decoded into.
func Target(v any) bool {
	return reflect.ValueOf(v).Kind() == reflect.Pointer && !Nil(v)
}

// Zero gives what v points to its zero value. It reports whether it could: v must be
// a pointer that is not nil.
func Zero(v any) bool {
	if !Target(v) {
		return false
	}
	if m, ok := v.(proto.Message); ok {
		proto.Reset(m)
		return true
	}
	reflect.ValueOf(v).Elem().SetZero()
	return true
}

// Refuse returns the [codec.TypeError] for v; name is the short name of the
// codec and want says which values it takes.
func Refuse(name, want string, v any) error {
	return &codec.TypeError{Codec: name, Want: want, Got: fmt.Sprintf("%T", v)}
}
