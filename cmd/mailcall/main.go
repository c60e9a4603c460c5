// SPDX-License-Identifier: Apache-2.0

// Command mailcall calls services, serves one to call, and shows what the
// client does when things go wrong.
package main

import (
	_ "example.com/mailcall/api"

	_ "github.com/alecthomas/kong"
)

func main() {}
