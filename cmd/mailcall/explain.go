// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
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
	return printed("the options", err)
}

// versionCmd is mailcall version.
type versionCmd struct{}

// Run prints the version.
func (*versionCmd) Run(s streams) error {
	return printVersion(s.out)
}

func printVersion(w io.Writer) error {
	_, err := fmt.Fprintln(w, version())
	return printed("the version", err)
}

// version is that of the module, of Go, and the platform.
func version() string {
	of := "(unknown)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		of = info.Main.Version
	}
	return fmt.Sprintf("mailcall %s %s %s/%s", of, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
