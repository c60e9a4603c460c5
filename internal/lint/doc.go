// SPDX-License-Identifier: Apache-2.0

// Package lint holds the checks of the repository itself that no linter
// makes. They are tests, and run with all others.
package lint
