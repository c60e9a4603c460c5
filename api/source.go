// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// The sources of settings, in rising order of precedence; options of a method and
// of a call come after these.
const (
	sourceDefault = "default"
	sourceEnv     = "env"
	sourceFile    = "file"
	sourceCode    = "code"
)

// from records the source of the setting called name.
func (o *Options) from(name, source string) { o.sources[name] = source }

// envPrefix and the name of a setting in upper case make the name of its
// environment variable: MAILCALL_REQUEST_TIMEOUT=5s.
const envPrefix = "MAILCALL_"

// WithEnvironment reads settings from environment variables that are named
// MAILCALL_ and the setting in upper case: MAILCALL_REQUEST_TIMEOUT=5s. Options
// given in code take precedence, in whatever order they are given.
func WithEnvironment() Option { return lowOption{sourceEnv, fromEnvironment} }

// WithFile reads settings from a JSON file, {"request_timeout":"5s"}; numbers and
// booleans need no quotes. It takes precedence over the environment, and options
// given in code take precedence over it. A file that cannot be read, or that
// contains an unknown name, is an error.
func WithFile(path string) Option {
	return lowOption{sourceFile, func() (map[string]string, error) { return fromFile(path) }}
}

// lowOption is a source of settings with lower precedence than code.
type lowOption struct {
	source string
	read   func() (map[string]string, error)
}

// ranks are the sources in rising order of precedence.
var ranks = []string{sourceDefault, sourceEnv, sourceFile, sourceCode} //nolint:gochecknoglobals // a constant list

// applyClient does nothing: load runs before any other option is applied.
func (lowOption) applyClient(*Options) {}

func (l lowOption) load(o *Options) (faults []error) {
	values, err := l.read()
	if err != nil {
		faults = append(faults, err)
	}
	known := make(map[string]bool)
	for _, s := range settings() {
		known[s.name] = true
		value, ok := values[s.name]
		if !ok || slices.Index(ranks, o.sources[s.name]) > slices.Index(ranks, l.source) {
			continue
		}
		if s.parse == nil {
			faults = append(faults, fmt.Errorf("%s: %s can be set in code only", l.source, s.name))
			continue
		}
		if err := s.parse(o, value); err != nil {
			faults = append(faults, fmt.Errorf("%s: %s: %w", l.source, s.name, err))
			continue
		}
		o.from(s.name, l.source)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !known[name] {
			faults = append(faults, fmt.Errorf("%s: there is no setting called %q", l.source, name))
		}
	}
	return faults
}

func fromEnvironment() (map[string]string, error) {
	values := make(map[string]string)
	for _, s := range settings() {
		if v, ok := os.LookupEnv(envPrefix + strings.ToUpper(s.name)); ok {
			values[s.name] = v
		}
	}
	return values, nil
}

func fromFile(path string) (map[string]string, error) {
	data, err := os.ReadFile(path) //nolint:gosec // the user names it
	if err != nil {
		return nil, fmt.Errorf("file: %w", err)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, fmt.Errorf("file: %s: %w", path, err)
	}
	values := make(map[string]string, len(raw))
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		var value any
		_ = json.Unmarshal(raw[name], &value) // it was parsed before
		switch v := value.(type) {
		case string:
			values[name] = v
		case float64, bool:
			values[name] = string(raw[name])
		default:
			faults = append(faults, fmt.Errorf("file: %s: %s is %s; it must be a string, a number or a boolean", path, name, raw[name]))
		}
	}
	return values, errors.Join(faults...)
}
