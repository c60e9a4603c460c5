// SPDX-License-Identifier: Apache-2.0

// Package grpc runs the public test suites for gRPC clients on mailcall.
package grpc
