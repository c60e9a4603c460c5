// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/codec/builtin"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/transport"
)

// Carrier is a transport under test for [Calls], whose table has a row for each
// content type.
type Carrier struct {
	// Name is its name in the table.
	Name string
	// Factory makes the rig for all its calls.
	Factory Factory
	// Options are further options of the client. Defaults to none.
	Options []api.Option
	// Limits say what the transport cannot do. Defaults to none: everything works.
	Limits []Limit
}

// Limit is something that a transport cannot do. The suite tries it all the same, and
// it must end with an error within its bound: if it works, or hangs, the suite fails.
type Limit struct {
	// ContentType and Kind, one of [Kinds], say where the limit applies. Empty is
	// everywhere.
	ContentType, Kind string
	// Reason completes the sentence "the wire cannot: ...".
	Reason string
}

// The kinds of calls, which are the columns of the table.
const (
	KindUnary        = "unary"
	KindMetadata     = "metadata"
	KindError        = "error"
	KindServerStream = "server stream"
	KindClientStream = "client stream"
	KindBidi         = "bidi"
	KindCancel       = "cancel"
	KindDeadline     = "deadline"
)

// Kinds returns the kinds of calls in the order of the table.
func Kinds() []string {
	return []string{
		KindUnary, KindMetadata, KindError, KindServerStream, KindClientStream, KindBidi, KindCancel, KindDeadline,
	}
}

// SilentErrors returns the limits of the content types with which a go-micro server
// sends nothing instead of an error, because their codecs have no value to send with
// it.
func SilentErrors() []Limit {
	const reason = "tell an error: go-micro's server sends none under this content type"
	return []Limit{{octetStream, KindError, reason}, {textPlain, KindError, reason}}
}

// SilentEnds is SilentErrors for transports of go-micro's messages, where the end of a
// stream is sent as an error, too.
func SilentEnds() []Limit {
	const reason = "tell the end of a stream: go-micro's server sends none under this content type"
	limits := SilentErrors()
	for _, contentType := range []string{octetStream, textPlain} {
		limits = append(limits, Limit{contentType, KindServerStream, reason}, Limit{contentType, KindBidi, reason})
	}
	return limits
}

const (
	octetStream = "application/octet-stream"
	textPlain   = "text/plain"
	// works is the text of a table cell that has passed.
	works = "ok"
	// failed is the text of one that has failed; the failures are logged above it.
	failed = "FAILED"
)

// Calls makes calls of every kind, with every content type that a client has by
// default, over the carriers, from a real client to the greeter of mailcalltest. It
// logs a table: ok, or what the transport cannot do.
func Calls(t *testing.T, carriers ...Carrier) {
	t.Helper()
	kinds := Kinds()
	table := newTable(append([]string{"transport", "content type"}, kinds...)...)
	for _, carrier := range carriers {
		t.Run(carrier.Name, func(t *testing.T) {
			s := newStage(t, carrier)
			for _, contentType := range slices.Sorted(maps.Keys(builtin.Codecs())) {
				row := make([]string, 0, 2+len(kinds))
				row = append(row, carrier.Name, contentType)
				for _, kind := range kinds {
					row = append(row, table.cell(s.try(contentType, kind)))
				}
				table.row(row...)
			}
		})
	}
	t.Log("\n" + table.String())
}

// stage is a greeter and a client that calls it.
type stage struct {
	t       *testing.T
	carrier Carrier
	client  *api.Caller
	waiting *waiting
	streams bool // the transport has streams
}

func newStage(t *testing.T, carrier Carrier) *stage {
	t.Helper()
	s := &stage{t: t, carrier: carrier, waiting: &waiting{calls: map[string]*waiter{}}}
	rig := carrier.Factory(t)
	server := mailcalltest.NewGreeter("greeter", mailcalltest.WithHandlers(handlers(s.waiting)...))
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("Close of the server: %v", err)
		}
	})
	l, err := rig.Listen(rig.Address)
	if err == nil {
		err = server.Serve(l)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.streams = knowsStreams(t, rig.Transport, server.Address())
	s.client, err = api.New(append([]api.Option{
		api.WithTransport(rig.Transport), api.WithAddress(server.Address()), api.WithAttemptTimeout(patience),
	}, carrier.Options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.client.Close(t.Context()) })
	return s
}

func knowsStreams(t *testing.T, over transport.Transport, address string) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := over.Dial(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }() // it was only looked at
	_, is := conn.(transport.Streamer)
	return is
}

// try makes one kind of call. It returns the limit that applies, "" for none, and
// whether the result is as expected.
func (s *stage) try(contentType, kind string) (cannot string, ok bool) {
	cannot = s.carrier.limit(contentType, kind)
	s.t.Run(contentType+"/"+kind, func(t *testing.T) {
		c := &call{t: t, stage: s, contentType: contentType, dialect: dialectOf(contentType), bound: patience}
		if cannot != "" {
			c.bound = soon
		}
		began := time.Now()
		err := c.run(kind)
		took := time.Since(began)
		switch {
		case cannot == "" && err != nil:
			t.Error(err)
		case cannot != "" && err == nil:
			t.Errorf("got no error, want one: the wire is said to be unable to %s", cannot)
		case cannot != "" && !explained(err):
			t.Errorf("got %v, want a *rpcerr.CallError", err)
		case took > patience:
			t.Errorf("got an end after %s, want one in %s", took, patience)
		}
		ok = !t.Failed()
	})
	return cannot, ok
}

func (c *Carrier) limit(contentType, kind string) string {
	for _, l := range c.Limits {
		if (l.ContentType == "" || l.ContentType == contentType) && (l.Kind == "" || l.Kind == kind) {
			return l.Reason
		}
	}
	return ""
}

// table is what a suite logs. The limits are explained once, below it.
type table struct {
	text  strings.Builder
	w     *tabwriter.Writer
	notes []string
}

func newTable(columns ...string) *table {
	t := &table{}
	t.w = tabwriter.NewWriter(&t.text, 0, 0, 2, ' ', 0)
	t.row(columns...)
	return t
}

func (t *table) row(cells ...string) {
	_, _ = fmt.Fprintln(t.w, strings.Join(cells, "\t")) // a strings.Builder takes everything
}

func (t *table) cell(cannot string, ok bool) string {
	switch {
	case !ok:
		return failed
	case cannot == "":
		return works
	}
	i := slices.Index(t.notes, cannot)
	if i < 0 {
		i = len(t.notes)
		t.notes = append(t.notes, cannot)
	}
	return fmt.Sprintf("no (%d)", i+1)
}

func (t *table) String() string {
	for i, note := range t.notes {
		t.row(fmt.Sprintf("(%d) the wire cannot: %s", i+1, note))
	}
	_ = t.w.Flush() // as above
	return t.text.String()
}
