// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Setting is one option as Explain shows it.
type Setting struct {
	// Name as in a file or, in upper case after MAILCALL_, the environment.
	Name string `json:"name"`
	// Value in words.
	Value string `json:"value"`
	// Source is "default", "env", "file", "code", or "method" and its name.
	Source string `json:"source"`
}

// Settings returns every option in force with its value and where it came
// from; those that methods set differently follow at the end.
func (o *Options) Settings() []Setting {
	var all []Setting
	table := settings()
	for _, s := range table {
		all = append(all, Setting{s.name, s.show(o), o.sources[s.name]})
	}
	for _, name := range slices.Sorted(maps.Keys(o.methods)) {
		changed := o.clone()
		for _, m := range o.methods[name] {
			m.applyCall(&changed.CallOptions)
		}
		for _, s := range table {
			if v := s.show(&changed); v != s.show(o) {
				all = append(all, Setting{s.name, v, "method " + name})
			}
		}
	}
	return all
}

// wideValue is the longest value that the others are aligned to, in bytes: the
// list of the codecs would push every source off the screen.
const wideValue = 40

// Explain returns the options in force as text, one a line: name, value,
// where it came from.
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
