// SPDX-License-Identifier: Apache-2.0

package http

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"example.com/mailcall/broker"
	"example.com/mailcall/broker/envelope"
	"example.com/mailcall/metadata"
	"example.com/mailcall/rpcerr"
)

const (
	atOnce    = 8                      // POSTs of one broadcast that run at a time; go-micro's value for resending
	slow      = 100 * time.Millisecond // after which another POST begins beside one that is still running
	maxAnswer = 4 << 10                // bytes of an answer that are read: an error text
)

// Publish implements [broker.Broker]. It posts m to each node that subscribes to
// topic, and to one node of each queue, chosen at random; if that one cannot have
// seen the message, to the next. It waits for all answers, but a subscriber that does
// not answer hardly delays the others. As in go-micro, the header's "Micro-Topic" is
// replaced by topic. An error that is not partial matches [broker.ErrNotSent] if no
// subscriber can have seen the message.
func (b *Broker) Publish(ctx context.Context, topic string, m *broker.Message) error {
	body, err := b.encode(topic, m)
	if err == nil {
		err = b.begin(ctx)
	}
	var targets [][]Node
	if err == nil {
		targets, err = b.find(ctx, topic)
	}
	if err != nil {
		return broker.NotSent(fmt.Errorf("http broker: topic %q: %w", topic, err))
	}
	outcomes := make([]outcome, len(targets))
	tokens := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for i, nodes := range targets {
		if len(targets) == 1 { // usually, and then no other goroutine is needed
			outcomes[i] = b.deliver(ctx, nodes, body)
			break
		}
		tokens <- struct{}{}
		wg.Go(func() {
			done := b.pass(func() { <-tokens })
			outcomes[i] = b.deliver(ctx, nodes, body)
			done()
		})
	}
	wg.Wait()
	return judge(topic, outcomes)
}

// pass calls next once: when done is called, or earlier, when that takes too long. So
// subscribers that do not answer do not use up the time of the others.
func (b *Broker) pass(next func()) (done func()) {
	next = sync.OnceFunc(next)
	timer := b.clock.Timer(next)
	timer.Reset(b.clock.Now().Add(slow))
	return func() {
		timer.Stop()
		next()
	}
}

// outcome is the result for one node or queue.
type outcome struct {
	node string
	err  error
}

// judge combines the outcomes into one error.
func judge(topic string, outcomes []outcome) error {
	result, proven := &broker.PartialError{Topic: topic}, 0
	for _, o := range outcomes {
		switch {
		case o.err == nil:
			result.Delivered = append(result.Delivered, o.node)
			continue
		case errors.Is(o.err, broker.ErrNotSent):
			proven++
		}
		result.Failed = append(result.Failed, broker.Failure{Name: o.node, Err: o.err})
	}
	switch {
	case len(result.Failed) == 0:
		return nil
	case proven == len(outcomes):
		return broker.NotSent(result)
	}
	return result
}

func (b *Broker) encode(topic string, m *broker.Message) ([]byte, error) {
	switch {
	case topic == "":
		return nil, fmt.Errorf("%w: the topic is empty", broker.ErrInvalid)
	case m == nil:
		return nil, fmt.Errorf("%w: the message is nil", broker.ErrInvalid)
	case len(m.Body) > b.maxMessage:
		return nil, fmt.Errorf("%w: body of %d bytes, the limit is %d", broker.ErrTooLarge, len(m.Body), b.maxMessage)
	}
	header := make(metadata.Metadata, len(m.Header)+1)
	maps.Copy(header, m.Header)
	header[keyMicro] = topic
	return envelope.Encode(&broker.Message{Header: header, Body: m.Body})
}

// find returns the receivers of a message: lists of nodes, and one node of each
// list gets it. A list of more than one is a queue and begins with the node to try
// first. If there is no receiver in the cache of discovery, find asks again
// without it.
func (b *Broker) find(ctx context.Context, topic string) ([][]Node, error) {
	lists, err := b.known(ctx, topic)
	if errors.Is(err, broker.ErrNoSubscribers) && b.forget() {
		return b.known(ctx, topic)
	}
	return lists, err
}

// forget tells discovery that its cache seems to be out of date, and reports
// whether it has one.
func (b *Broker) forget() bool {
	f, is := b.discovery.(Forgetter)
	if is {
		f.Forget(Service)
	}
	return is
}

func (b *Broker) known(ctx context.Context, topic string) ([][]Node, error) {
	nodes, err := b.discovery.Nodes(ctx, Service)
	if err != nil {
		return nil, fmt.Errorf("service %s: %w", Service, err)
	}
	var lists [][]Node
	queues := make(map[string]int)
	for _, n := range nodes {
		if n.Metadata[keyBroker] != "http" || n.Metadata[keyTopic] != topic {
			continue
		}
		i, known := queues[n.Version]
		if n.Version != Broadcast && known {
			lists[i] = append(lists[i], n)
			continue
		}
		queues[n.Version] = len(lists)
		lists = append(lists, []Node{n})
	}
	if len(lists) == 0 {
		return nil, fmt.Errorf("%w: no node of service %s has it", broker.ErrNoSubscribers, Service)
	}
	for i, list := range lists {
		if len(list) > 1 {
			first := b.roll(len(list))
			lists[i] = slices.Concat(list[first:], list[:first])
		}
	}
	return lists, nil
}

// deliver posts to the first of nodes that can be reached.
func (b *Broker) deliver(ctx context.Context, nodes []Node, body []byte) (o outcome) {
	for i, n := range nodes {
		o = outcome{n.ID, b.post(ctx, n, body, b.share(ctx, len(nodes)-i))}
		if !errors.Is(o.err, broker.ErrNotSent) || ctx.Err() != nil {
			break
		}
		b.forget() // the node may have been replaced by others
	}
	return o
}

// share returns how long the first of so many nodes may take to accept a connection,
// so that there is time for the others; 0 if there are none.
func (b *Broker) share(ctx context.Context, nodes int) time.Duration {
	if nodes < 2 {
		return 0
	}
	left := b.timeout
	if at, bounded := ctx.Deadline(); bounded {
		left = min(left, b.clock.Instant(at).Sub(b.clock.Now()))
	}
	return max(left/time.Duration(nodes), 1)
}

// errNoConnection is the error of a post that has used up its share.
var errNoConnection = errors.New("there was no connection in time for another node")

// post sends body to one node and waits for the answer. It gives up if there is no
// connection within the given time, unless that is 0.
func (b *Broker) post(bound context.Context, n Node, body []byte, connect time.Duration) error {
	ctx, cancel := context.WithTimeout(bound, b.timeout)
	defer cancel()
	var connected atomic.Bool
	if connect > 0 {
		patient, giveUp := context.WithCancelCause(ctx)
		defer giveUp(nil)
		timer := b.clock.Timer(func() {
			if !connected.Load() {
				giveUp(errNoConnection)
			}
		})
		timer.Reset(b.clock.Now().Add(connect))
		defer timer.Stop()
		ctx = patient
	}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	target := url.URL{Scheme: "http", Host: n.Address, Path: "/", RawQuery: url.Values{"id": {n.ID}}.Encode()}
	if n.Metadata[keySecure] == "true" {
		target.Scheme = "https"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), bytes.NewReader(body))
	if err != nil {
		return broker.NotSent(fmt.Errorf("address %q: %w", n.Address, err))
	}
	req.Header.Set("Content-Type", contentType)
	rsp, err := b.client.Do(req)
	if err != nil {
		if failed, is := errors.AsType[*url.Error](err); is && bound.Err() != nil && errors.Is(failed.Err, ctx.Err()) {
			failed.Err = bound.Err() // how the caller's context ended, and not that ctx was cancelled then
		}
		if !connected.Load() { // nothing was sent without a connection
			return broker.NotSent(err)
		}
		return err
	}
	defer func() { _ = rsp.Body.Close() }() // the rest of the answer does not matter
	text, err := io.ReadAll(io.LimitReader(rsp.Body, maxAnswer))
	if rsp.StatusCode/100 == 2 {
		return nil
	}
	if err != nil || len(text) == 0 {
		return fmt.Errorf("%s answered %s", n.Address, rsp.Status)
	}
	return fmt.Errorf("%s answered %s: %w", n.Address, rsp.Status, rpcerr.Parse(string(bytes.TrimSpace(text))))
}
