// SPDX-License-Identifier: Apache-2.0

package http_test

import (
	"context"
	"net"
	"runtime"
	"testing"
	"time"

	"example.com/mailcall/transport"
)

func TestReadyLooksAtTheSocket(t *testing.T) {
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		t.Skip("needs Linux or macOS, where a socket can be checked without reading from it")
	}
	tests := map[string]func(net.Conn){
		"peer closed":   func(c net.Conn) { _ = c.(*net.TCPConn).CloseWrite() },
		"peer reset":    func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0); _ = c.Close() },
		"unasked reply": func(c net.Conn) { _, _ = c.Write([]byte(ok + "Content-Length: 0\r\n\r\n")) },
	}
	for name, misbehave := range tests {
		t.Run(name, func(t *testing.T) { looks(t, misbehave, time.Second) })
		// If the next call follows at once, the idle time is nearly zero.
		t.Run(name+", at once", func(t *testing.T) { looks(t, misbehave, time.Nanosecond) })
	}
}

// looks checks that Ready detects what the peer does to a connection that has been
// idle for the given time.
func looks(t *testing.T, misbehave func(net.Conn), idle time.Duration) {
	asked, goOn := make(chan struct{}), make(chan struct{})
	address := accept(t, func(c net.Conn) {
		answerOnce(c)
		<-asked
		misbehave(c)
		<-goOn
	})
	c := dial(t, newTransport(t), address)
	if err := exchange(c, new(transport.Message)); err != nil {
		t.Fatal(err)
	}
	for _, idle := range []time.Duration{0, time.Microsecond, time.Second} {
		if !c.Ready(idle) {
			t.Errorf("got not ready after %s, want ready", idle)
		}
	}
	close(asked)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for c.Ready(idle) && ctx.Err() == nil { // until the packet has arrived over loopback
		runtime.Gosched()
	}
	if c.Ready(idle) {
		t.Error("got ready, want not ready")
	}
	if c.Ready(0) {
		t.Error("got ready with idle 0 after a look that failed, want not ready")
	}
	close(goOn)
	_ = c.Close()
}

// answerOnce reads one request and answers it.
func answerOnce(c net.Conn) {
	_, _ = c.Read(make([]byte, 4096))
	_, _ = c.Write([]byte(ok + "Content-Length: 0\r\n\r\n"))
}
