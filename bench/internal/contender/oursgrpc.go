// SPDX-License-Identifier: Apache-2.0

package contender

import "example.com/mailcall/transport/grpc"

// newOursGRPC is mailcall with grpc-go as its wire; it calls the server that
// the contender grpc calls.
func newOursGRPC(c Config) (Contender, error) {
	over, err := grpc.New()
	if err != nil {
		return nil, err
	}
	return newShared(c, over)
}
