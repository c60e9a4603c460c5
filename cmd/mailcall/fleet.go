// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/transport/http"
)

const (
	// step is the time between two changes; a broken node stays broken for brokenFor
	// steps.
	step      = 400 * time.Millisecond
	brokenFor = 2
	// slowBy is the delay of a slow node.
	slowBy = 60 * time.Millisecond
)

// condition is the state of a node.
type condition byte

const (
	up   condition = '+'
	slow condition = '~'
	dead condition = 'x'
)

// fleet breaks and restores the nodes of the demo, chosen at random. At any time at
// most half of them are broken.
type fleet struct {
	nodes []*mailcalltest.Responder

	mu     sync.Mutex
	states []condition
	broken []int // steps since the node was broken
	counts faults
}

// faults counts what was done to the nodes.
type faults struct {
	Slowed    int `json:"slowed"`
	Killed    int `json:"killed"`
	Restarted int `json:"restarted"`
}

func startFleet(n int) (*fleet, error) {
	over, err := http.New()
	if err != nil {
		return nil, err
	}
	f := &fleet{broken: make([]int, n)}
	for range n {
		node, err := startNode(over, serviceName, "127.0.0.1:0")
		if err != nil {
			return nil, errors.Join(err, f.close())
		}
		f.nodes = append(f.nodes, node)
		f.states = append(f.states, up)
	}
	return f, nil
}

func (f *fleet) addresses() (all []string) {
	for _, n := range f.nodes {
		all = append(all, n.Address())
	}
	return all
}

// injectFaults breaks and restores nodes until ctx ends.
func (f *fleet) injectFaults(ctx context.Context) {
	tick := time.NewTicker(step)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			f.restoreNodes()
			f.breakNode()
		case <-ctx.Done():
			return
		}
	}
}

// restoreNodes restores the nodes that have been broken long enough.
func (f *fleet) restoreNodes() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, s := range f.states {
		if s == up {
			continue
		}
		if f.broken[i]++; f.broken[i] < brokenFor {
			continue
		}
		switch {
		case s == slow:
			f.nodes[i].SetDelay(0)
		case f.nodes[i].Restart() == nil:
			f.counts.Restarted++
		default:
			continue // the port is taken by another process; try again at the next step
		}
		f.states[i] = up
	}
}

// breakNode alternately kills or slows down a healthy node. A single node is never killed,
// because then no node could answer.
func (f *fleet) breakNode() {
	f.mu.Lock()
	defer f.mu.Unlock()
	var well []int
	for i, s := range f.states {
		if s == up {
			well = append(well, i)
		}
	}
	if len(well) <= len(f.nodes)/2 {
		return
	}
	i := well[rand.IntN(len(well))]
	f.broken[i] = 0
	if f.counts.Killed <= f.counts.Slowed && len(f.nodes) > 1 {
		f.nodes[i].Kill()
		f.states[i] = dead
		f.counts.Killed++
		return
	}
	f.nodes[i].SetDelay(slowBy)
	f.states[i] = slow
	f.counts.Slowed++
}

// look returns a character for each node, and the counts so far.
func (f *fleet) look() (signs string, counts faults) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.states {
		signs += string(s)
	}
	return signs, f.counts
}

func (f *fleet) close() error {
	var errs []error
	for _, n := range f.nodes {
		errs = append(errs, n.Close())
	}
	return errors.Join(errs...)
}
