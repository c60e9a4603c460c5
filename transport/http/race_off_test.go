// SPDX-License-Identifier: Apache-2.0

//go:build !race

package http_test

const raceEnabled = false
