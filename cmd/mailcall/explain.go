// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"example.com/mailcall/api"
)

// explainCmd is mailcall explain.
type explainCmd struct {
	JSON bool `help:"Print a JSON array of objects with name, value and source; errors as one object." name:"json"`
}

// Run prints the options that a client of this environment has.
func (c *explainCmd) Run(s streams) error {
	client, err := newClient(api.WithEnvironment())
	if err != nil {
		return err
	}
	defer closeClient(client)
	if c.JSON {
		options := client.Options()
		err = json.NewEncoder(s.out).Encode(options.Settings())
	} else {
		_, err = fmt.Fprint(s.out, client.Explain())
	}
	if err != nil {
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
