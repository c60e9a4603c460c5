// SPDX-License-Identifier: Apache-2.0

// Package conformancev1 has the messages of the suite of connectrpc.com. They
// are generated from the proto files of its module and not kept here; whoever
// imports them carries the build tag "conformance". In a tree where `make
// conformance` has not run yet this file is all there is.
package conformancev1
