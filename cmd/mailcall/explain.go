// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"example.com/mailcall/api"
)

// explainCmd is mailcall explain.
type explainCmd struct{}

// Run prints the options that a client of this environment has.
func (*explainCmd) Run(s streams) error {
	client, err := newClient(api.WithEnvironment())
	if err != nil {
		return err
	}
	defer closeClient(client)
	if _, err := fmt.Fprint(s.out, client.Explain()); err != nil {
		return fmt.Errorf("cannot print the options: %w", err)
	}
	return nil
}

// versionCmd is mailcall version.
type versionCmd struct{}

// Run prints the version of the module, of Go, and the platform.
func (*versionCmd) Run(s streams) error {
	version := "(unknown)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		version = info.Main.Version
	}
	if _, err := fmt.Fprintf(s.out, "mailcall %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH); err != nil {
		return fmt.Errorf("cannot print the version: %w", err)
	}
	return nil
}
