// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"

	"example.com/mailcall/api"
)

// explainCmd is mailcall explain.
type explainCmd struct {
	JSON bool `help:"Print a JSON array of objects with name, value and source; print an error as one JSON object." name:"json"`
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
