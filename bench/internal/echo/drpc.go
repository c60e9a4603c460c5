// SPDX-License-Identifier: Apache-2.0

package echo

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"storj.io/drpc"
)

// Encoding is protobuf as in drpc's generated code, with the optional method that lets
// a connection reuse its buffer.
type Encoding struct{}

// Marshal implements drpc.Encoding.
func (Encoding) Marshal(m drpc.Message) ([]byte, error) { return Encoding{}.MarshalAppend(nil, m) }

// MarshalAppend is used by drpc instead of Marshal.
func (Encoding) MarshalAppend(dst []byte, m drpc.Message) ([]byte, error) {
	message, ok := m.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("%T is not a protobuf message", m)
	}
	return proto.MarshalOptions{}.MarshalAppend(dst, message)
}

// Unmarshal implements drpc.Encoding.
func (Encoding) Unmarshal(data []byte, m drpc.Message) error {
	message, ok := m.(proto.Message)
	if !ok {
		return fmt.Errorf("%T is not a protobuf message", m)
	}
	return proto.Unmarshal(data, message)
}
