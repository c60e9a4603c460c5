// SPDX-License-Identifier: Apache-2.0

// Package planted holds the bugs of the wire that can be built in to prove
// that its tests catch them. Each is a constant that is true only under its
// build tag, "planted_" and the name of its file; without tags the compiler
// removes every trace.
package planted
