// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"reflect"
	"strconv"

	"github.com/alecthomas/kong"
)

// mapped parses the value of a flag. The error for an invalid value says what it should
// be, with an example.
func mapped[V any](what, example string, parse func(string) (V, error)) kong.Mapper {
	return kong.MapperFunc(func(ctx *kong.DecodeContext, target reflect.Value) error {
		var text string
		if err := ctx.Scan.PopValueInto(what, &text); err != nil {
			return err
		}
		v, err := parse(text)
		if err != nil {
			return fmt.Errorf("%q is not a %s, such as %s", text, what, example)
		}
		target.Set(reflect.ValueOf(v))
		return nil
	})
}

func parseFloat(text string) (float64, error) { return strconv.ParseFloat(text, 64) }
