// SPDX-License-Identifier: Apache-2.0

package contender

import "example.com/mailcall/transport/grpc"

// newOursGRPC is mailcall over transport/grpc; it calls the server of the contender
// grpc.
func newOursGRPC(c Config) (Contender, error) {
	over, err := grpc.New()
	if err != nil {
		return nil, err
	}
	return newShared(c, over)
}
