// SPDX-License-Identifier: Apache-2.0

// Package grpc holds mailcall against the public suites for gRPC clients.
package grpc
