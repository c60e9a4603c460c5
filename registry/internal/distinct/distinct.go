// SPDX-License-Identifier: Apache-2.0

// Package distinct leaves out lists that do not differ from the one before.
package distinct

import (
	"reflect"
	"slices"

	"example.com/mailcall/registry"
)

// Lists remembers the last list that it has passed on. The zero value passes on
// the first list, whatever it is. It is for one goroutine at a time.
type Lists struct {
	passed bool
	last   []*registry.Service
}

// Pass calls changed with list unless it equals the last one that was passed on.
func (l *Lists) Pass(list []*registry.Service, changed func([]*registry.Service)) {
	if l.passed && reflect.DeepEqual(list, l.last) {
		return
	}
	l.passed, l.last = true, slices.Clone(list)
	changed(list)
}
