// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// terminal opens a pseudo-terminal: what is written to inner is read from outer.
func terminal(t *testing.T) (outer, inner *os.File) {
	t.Helper()
	outer, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { outer.Close() })
	var locked, number int32
	for request, arg := range map[uintptr]*int32{syscall.TIOCSPTLCK: &locked, syscall.TIOCGPTN: &number} {
		if _, _, fault := syscall.Syscall(syscall.SYS_IOCTL, outer.Fd(), request, uintptr(unsafe.Pointer(arg))); fault != 0 {
			t.Fatal(fault)
		}
	}
	inner, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { inner.Close() })
	return outer, inner
}

// On a terminal the demo rewrites one line. The line is cut at the edge, because a
// wrapped one could not be cleared.
func TestDemoOnATerminal(t *testing.T) {
	outer, inner := terminal(t)
	cmd := command(t, "demo", "--nodes=64", "--duration=700ms", "--rate=500")
	cmd.Stdout = inner
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	inner.Close()
	var text strings.Builder
	for lines := bufio.NewScanner(outer); lines.Scan(); { // until the demo has closed its end
		text.WriteString(lines.Text() + "\n")
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	shown := strings.Split(text.String(), "\r\x1b[K")
	if len(shown) < 3 {
		t.Fatalf("got %q, want a line that is cleared and written again", text.String())
	}
	for _, line := range shown[1 : len(shown)-1] {
		if !strings.HasPrefix(line, "\x1b[?7l") || !strings.HasSuffix(line, "\x1b[K\x1b[?7h") || !strings.Contains(line, "errors 0") {
			t.Errorf("got %q, want progress between no wrapping and wrapping", line)
		}
	}
	if last := shown[len(shown)-1]; !strings.Contains(last, "0 lost") || strings.Contains(last, "\x1b") {
		t.Errorf("got %q, want the summary", last)
	}
}
