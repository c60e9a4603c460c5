// SPDX-License-Identifier: Apache-2.0

// Package nats is NATS as broker, registry and transport.
package nats
