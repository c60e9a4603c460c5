// SPDX-License-Identifier: Apache-2.0

//go:build !planted_pool_keyed_by_remote

package planted

// PoolKeyedByRemote gives each connection a pool of its own, as keying by the remote address of a named node does.
const PoolKeyedByRemote = false
