// SPDX-License-Identifier: Apache-2.0

// Package conformancev1 has the messages of connectrpc.com's conformance suite. They
// are generated from the proto files of its module and not committed; code that imports
// them has the build tag "conformance". Until `make conformance` has run, the package
// has only this file.
package conformancev1
