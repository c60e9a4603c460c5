// SPDX-License-Identifier: Apache-2.0

// Package examples shows how mailcall is used; each folder is a program.
package examples
