// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed testdata
var testdata embed.FS

const (
	folder       = "testdata/"
	requestFile  = ".request.bin"
	responseFile = ".response.bin"
	traceFile    = ".trace"
	clientSide   = "C>S"
	serverSide   = "S>C"
)

// Capture is one recorded exchange: both directions and their order.
type Capture struct {
	// Name is the name of the files without their endings.
	Name string
	// Request is every byte from client to server, Response every byte from
	// server to client, all connections one after another.
	Request, Response []byte
	// Steps is the order of the two directions.
	Steps []Step
}

// Step is a run of bytes in one direction, or the end of one.
type Step struct {
	// Conn is the connection, from 1.
	Conn int
	// FromServer tells the direction.
	FromServer bool
	// Off and Len are the place of the bytes in Request or Response.
	Off, Len int
	// Close says that the side closed the connection; Len is 0 then.
	Close bool
}

// Names returns the names of all captures that begin with prefix, sorted.
func Names(prefix string) ([]string, error) {
	files, err := fs.ReadDir(testdata, strings.TrimSuffix(folder, "/"))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range files {
		name, ok := strings.CutSuffix(f.Name(), requestFile)
		if ok && strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	return names, nil
}

// Load reads a capture. A name that does not exist is an error that matches
// fs.ErrNotExist.
func Load(name string) (*Capture, error) {
	c := &Capture{Name: name}
	var err error
	if c.Request, err = testdata.ReadFile(folder + name + requestFile); err != nil {
		return nil, err
	}
	if c.Response, err = testdata.ReadFile(folder + name + responseFile); err != nil {
		return nil, err
	}
	trace, err := testdata.ReadFile(folder + name + traceFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.Steps, err = c.turns(rawTurns(name))
	case err == nil:
		c.Steps, err = ParseTrace(string(trace))
	}
	if err != nil {
		return nil, fmt.Errorf("capture %s: %w", name, err)
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	return c, nil
}

// ParseTrace reads the lines of a trace: "conn=1 C>S off=0 len=296" and
// "conn=1 S>C off=272 close".
func ParseTrace(text string) ([]Step, error) {
	var steps []Step
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		var s Step
		var side, rest string
		if _, err := fmt.Sscanf(line, "conn=%d %s off=%d %s", &s.Conn, &side, &s.Off, &rest); err != nil {
			return nil, fmt.Errorf("trace line %q: %w", line, err)
		}
		if rest == "close" {
			s.Close = true
		} else if _, err := fmt.Sscanf(rest, "len=%d", &s.Len); err != nil {
			return nil, fmt.Errorf("trace line %q: %w", line, err)
		}
		if s.FromServer = side == serverSide; !s.FromServer && side != clientSide {
			return nil, fmt.Errorf("trace line %q: side %q, want %s or %s", line, side, clientSide, serverSide)
		}
		steps = append(steps, s)
	}
	return steps, nil
}

// check makes sure that the steps cover both directions without gap, in
// order.
func (c *Capture) check() error {
	var sent [2]int
	for _, s := range c.Steps {
		at := &sent[0]
		if s.FromServer {
			at = &sent[1]
		}
		if s.Conn < 1 || s.Len < 0 || s.Off != *at && !s.Close {
			return fmt.Errorf("capture %s: step %+v does not follow byte %d", c.Name, s, *at)
		}
		*at += s.Len
	}
	if sent[0] != len(c.Request) || sent[1] != len(c.Response) {
		return fmt.Errorf("capture %s: steps cover %d and %d bytes, want %d and %d",
			c.Name, sent[0], sent[1], len(c.Request), len(c.Response))
	}
	return nil
}

// Bytes returns the bytes of a step.
func (c *Capture) Bytes(s Step) []byte {
	if s.FromServer {
		return c.Response[s.Off : s.Off+s.Len]
	}
	return c.Request[s.Off : s.Off+s.Len]
}
