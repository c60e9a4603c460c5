// SPDX-License-Identifier: Apache-2.0

// Package nats is go-micro's use of NATS as broker, registry and transport:
// [Broker], [Registry] and [Transport].
//
// Each has a connection of its own, which is opened when it is first needed and
// reopened when it is lost; with [WithConn] they share one. While it is lost, which
// is noticed at once or after two pings without an answer, everything that needs it
// fails with [ErrDisconnected]: nothing is kept to be sent later.
package nats
