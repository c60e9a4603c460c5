// SPDX-License-Identifier: Apache-2.0

// Package planted defines bugs of the protocol that can be built in, to prove that the
// tests detect them. Each is a constant that is true only with its build tag, "planted_"
// and the name of its file; without tags the compiler removes them.
package planted
