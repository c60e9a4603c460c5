// SPDX-License-Identifier: Apache-2.0

//go:build !linux && !darwin

package http

import "net"

// fastIO can do nothing here that is not done by the slow path.
type fastIO struct{}

func (*fastIO) init(net.Conn) {}

func (*fastIO) usable() bool { return false }

func (*fastIO) write([]byte) (n int, done bool, err error) { return 0, false, nil }

func (*fastIO) read([]byte) (n int, ok bool, err error) { return 0, false, nil }

func (*fastIO) peek() sight { return sightNothing }

func (*fastIO) head() []byte { return nil }
