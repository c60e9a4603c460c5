// SPDX-License-Identifier: Apache-2.0

// Package nats provides NATS as broker, registry and transport, compatible with
// go-micro: [Broker], [Registry] and [Transport].
//
// Each has a connection of its own, which is opened when it is first needed and
// restored when it is lost; with [WithConn] they share one. The loss of a connection is
// noticed at once, or after two pings without an answer. Until it is restored,
// everything that needs it fails with [ErrDisconnected]; nothing is buffered to be sent
// later.
package nats
