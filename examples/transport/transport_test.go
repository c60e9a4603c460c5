// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"testing"

	"example.com/mailcall/tests/conformance"
)

// The conformance suites that your own transport should pass: the contract, and every
// kind of call over it.
func TestConformance(t *testing.T) { conformance.Transport(t, rig) }

func TestCalls(t *testing.T) {
	conformance.Calls(t, conformance.Carrier{Name: "frames", Factory: rig, Limits: conformance.SilentEnds()})
}

func rig(t *testing.T) conformance.Rig {
	dir, err := os.MkdirTemp("", "frames") //nolint:usetesting // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return conformance.Rig{Transport: frames{}, Listen: frames{}.Listen, Address: filepath.Join(dir, "s")}
}
