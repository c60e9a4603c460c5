// SPDX-License-Identifier: Apache-2.0

// Package grpc carries calls and streams over gRPC, with google.golang.org/grpc as the wire.
package grpc
