// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Setting is one option, as Explain shows it.
type Setting struct {
	// Name is the name in a configuration file; in upper case and with the prefix
	// MAILCALL_ it is that of the environment variable.
	Name string `json:"name"`
	// Value is the value as text.
	Value string `json:"value"`
	// Source is "default", "env", "file", "code", or "method" and its name.
	Source string `json:"source"`
}

// Settings returns every option with its value and its source. Options that are
// set for single methods are at the end.
func (o *Options) Settings() []Setting {
	var all []Setting
	table := settings()
	for _, s := range table {
		all = append(all, Setting{s.name, s.show(o), o.sources[s.name]})
	}
	for _, name := range slices.Sorted(maps.Keys(o.methods)) {
		changed := o.clone()
		clear(changed.sources) // so that it gets those that the method sets
		for _, m := range o.methods[name] {
			if option, is := m.(Option); is {
				option.applyClient(&changed)
			}
		}
		for _, s := range table {
			if changed.sources[s.name] != "" {
				all = append(all, Setting{s.name, s.show(&changed), "method " + name})
			}
		}
	}
	return all
}

// wideValue is the length in bytes of the longest value that the column of the
// sources is aligned to: the list of codecs would push it off the screen.
const wideValue = 40

// Explain returns the options in force as text, one per line, each with its name,
// value and source.
func (c *Caller) Explain() string {
	var b strings.Builder
	options := c.Options()
	all := options.Settings()
	name, value := 0, 0
	for _, s := range all {
		name = max(name, len(s.Name))
		if len(s.Value) <= wideValue {
			value = max(value, len(s.Value))
		}
	}
	for _, s := range all {
		_, _ = fmt.Fprintf(&b, "%-*s  %-*s  %s\n", name, s.Name, value, s.Value, s.Source) // a strings.Builder cannot fail
	}
	return b.String()
}
