// SPDX-License-Identifier: Apache-2.0

// Package lint has checks of the repository that no linter makes. They are tests
// and run with all others.
package lint
