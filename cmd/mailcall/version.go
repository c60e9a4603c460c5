// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/alecthomas/kong"
)

// versionCmd is the command mailcall version.
type versionCmd struct{}

// Run prints the version.
func (*versionCmd) Run(s streams) error {
	return printVersion(s.out)
}

func printVersion(w io.Writer) error {
	_, err := fmt.Fprintln(w, version())
	return printed("the version", err)
}

// version returns the versions of the module and of Go, and the platform.
func version() string {
	of := "(unknown)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		of = info.Main.Version
	}
	return fmt.Sprintf("mailcall %s %s %s/%s", of, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// versionFlag is the flag --version.
type versionFlag bool

// BeforeReset prints the version and ends the process. kong calls it before it looks
// for a command.
func (versionFlag) BeforeReset(app *kong.Kong) error {
	err := printVersion(app.Stdout)
	if err == nil {
		app.Exit(exitAnswered)
	}
	return err
}
