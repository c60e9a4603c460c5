// SPDX-License-Identifier: Apache-2.0

package echo_test

import (
	"errors"
	"io"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"example.com/mailcall/bench/internal/echo"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestValueHasTheSize(t *testing.T) {
	for _, size := range []int{echo.MinSize, 64, 138, 140, 1024, 65536, echo.MaxSize} {
		data, err := echo.Value(size)
		if err != nil {
			t.Errorf("%d: got %v, want no error", size, err)
			continue
		}
		for _, number := range []uint64{1, 1 << 60} {
			if got := proto.Size(&echo.Message{Number: number, Data: data}); got != size {
				t.Errorf("number %d: got %d bytes, want %d", number, got, size)
			}
		}
	}
	for _, size := range []int{0, echo.MinSize - 1, 139, 16396, echo.MaxSize + 1} {
		if _, err := echo.Value(size); err == nil {
			t.Errorf("%d: got no error, want one", size)
		}
	}
}

func TestCheckFindsForeignReplies(t *testing.T) {
	request := &echo.Message{Number: 7, Data: []byte("abc")}
	if err := echo.Check(request, echo.Answer(request)); err != nil {
		t.Errorf("got %v, want no error", err)
	}
	for _, reply := range []*echo.Message{{Number: 8, Data: []byte("abc")}, {Number: 7, Data: []byte("ab")}, {}} {
		if echo.Check(request, reply) == nil {
			t.Errorf("%v: got no error, want one", reply)
		}
	}
}

func TestEncoding(t *testing.T) {
	want := &echo.Message{Number: 7, Data: []byte("abc")}
	data, err := echo.Encoding{}.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got := new(echo.Message)
	if err = (echo.Encoding{}).Unmarshal(data, got); err != nil || !proto.Equal(got, want) {
		t.Errorf("got %v, error %v, want %v", got, err, want)
	}
	if _, err = (echo.Encoding{}).Marshal("text"); err == nil {
		t.Error("got no error for a string, want one")
	}
	if err = (echo.Encoding{}).Unmarshal(data, "text"); err == nil {
		t.Error("got no error for a string, want one")
	}
}

// messages returns a recv that returns this many messages and then err.
func messages(n int, err error) func(*echo.Message) error {
	return func(m *echo.Message) error {
		if n--; n < 0 {
			return err
		}
		m.Number = 5
		return nil
	}
}

func TestStreamHandlers(t *testing.T) {
	broken := errors.New("broken")
	got, err := echo.Count(messages(3, io.EOF))
	if err != nil || got.GetNumber() != 3 {
		t.Errorf("got %v, error %v, want 3", got, err)
	}
	if _, err = echo.Count(messages(3, broken)); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
	sent := 0
	err = echo.PingPong(messages(2, io.EOF), func(m *echo.Message) error {
		sent += int(m.GetNumber())
		return nil
	})
	if err != nil || sent != 10 {
		t.Errorf("got %d, error %v, want both messages back", sent, err)
	}
	if err = echo.PingPong(messages(2, io.EOF), func(*echo.Message) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}
