// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"example.com/mailcall/api"
)

// pump moves messages between the command's standard streams and the stream.
type pump struct {
	*streamCmd
	streams

	form   shape
	stream api.Stream
	fault  atomic.Pointer[error] // why sending failed
}

// send sends each line of the input and half-closes the stream at the end of the input.
// A line that cannot be sent ends the stream.
func (p *pump) send(in io.Reader) {
	err := p.sendAll(in)
	if err == nil || errors.Is(err, io.EOF) {
		return // the service has ended the stream; receive gets the reason
	}
	p.fault.Store(&err)
	_ = p.stream.Close() // receive reports the error
}

func (p *pump) sendAll(in io.Reader) error {
	lines := lineReader(in)
	sent, n := 0, 0
	for lines.Scan() {
		n++
		line := lines.Bytes()
		if !p.Raw && len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		value, err := p.form.value(bytes.Clone(line))
		if err != nil {
			return inLine(n, err)
		}
		if err := p.stream.Send(value); err != nil {
			return err
		}
		sent++
		p.notef(p.streams, "sent %d", sent)
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return usage("write one JSON value per line, each within the limit", "line %d of the input is larger than the limit of %d bytes", n+1, maxBody)
	case err != nil:
		return usage("write @FILE, or - for stdin", "line %d of the input cannot be read: %w", n+1, err)
	}
	if err := p.stream.CloseSend(); err != nil {
		return err
	}
	p.notef(p.streams, "half-closed after %d", sent)
	return nil
}

// receive prints each message until the stream ends.
func (p *pump) receive() error {
	for received := 1; ; received++ {
		reply := p.form.empty()
		if err := p.stream.Recv(reply); err != nil {
			return p.end(err)
		}
		if fault := p.fault.Load(); fault != nil {
			return *fault // receiving failed because sending did
		}
		p.notef(p.streams, "received %d", received)
		if err := p.print(reply); err != nil {
			return printedReply(err)
		}
	}
}

// print writes a message as one line.
func (p *pump) print(reply any) error {
	text, err := p.form.show(reply)
	if err != nil {
		return err
	}
	var line bytes.Buffer
	if p.Raw || json.Compact(&line, text) != nil {
		line.Reset() // not JSON that can be compacted: print it as it is
		line.Write(bytes.TrimSuffix(text, []byte("\n")))
	}
	line.WriteByte('\n')
	_, err = p.out.Write(line.Bytes())
	return err
}

// end returns the result of the command, given the error that ended the stream.
func (p *pump) end(err error) error {
	if fault := p.fault.Load(); fault != nil {
		return *fault
	}
	if errors.Is(err, io.EOF) {
		p.notef(p.streams, "ended: %v", err)
		return nil
	}
	return err
}

// lineReader returns a scanner for lines of at most maxBody bytes.
func lineReader(in io.Reader) *bufio.Scanner {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxBody+2) // including the line ending
	return lines
}

// inLine adds the number of the input line to an error.
func inLine(n int, err error) error {
	if wrong, is := errors.AsType[*usageError](err); is {
		return &usageError{fmt.Errorf("line %d of the input: %w", n, wrong.error), wrong.hint}
	}
	return fmt.Errorf("line %d of the input: %w", n, err)
}
