// SPDX-License-Identifier: Apache-2.0

// Package nats is NATS as broker, registry and transport, as go-micro speaks
// it: [Broker], [Registry] and [Transport].
//
// Each has a connection of its own, opened when it is first needed and opened
// again by itself when it is lost; with [WithConn] they share one. While it is
// lost, and that is known at once or after two silent pings, everything that
// needs it fails with [ErrDisconnected]: nothing is kept to be sent later.
package nats
