// SPDX-License-Identifier: Apache-2.0

// Package planted has bugs that can be built in to prove that the simulation
// catches them. Each is a constant that is true only with its build tag, which is
// "planted_" and the name of its file. Without the tag the compiler removes the
// code.
package planted
