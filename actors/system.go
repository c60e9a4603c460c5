// SPDX-License-Identifier: Apache-2.0

package actors

import (
	"log/slog"
	"slices"

	"github.com/asynkron/protoactor-go/actor"
)

// System is protoactor's actor system, for those who have one already.
type System = actor.ActorSystem

// registryBuckets is the size of the process registry of a system of our own.
// protoactor's default is 1024 buckets of 32 shards each: 2.9 MB in 66,000
// objects (measured), which every garbage collection of the program walks
// through. A client registers three processes for each call in flight and
// looks them up once, so that a sixty-fourth of it is plenty.
const registryBuckets = 16

// newSystem makes an actor system that logs to logger.
func newSystem(logger *slog.Logger) *System {
	s := actor.NewActorSystem(actor.WithLoggerFactory(
		func(*actor.ActorSystem) *slog.Logger { return logger }))
	table := s.ProcessRegistry.LocalPIDs
	buckets := table.LocalPIDs
	table.LocalPIDs = slices.Clone(buckets[:registryBuckets])
	// What the system has registered for itself moves to where it will be
	// looked for now.
	for _, bucket := range buckets {
		if bucket.Count() == 0 {
			continue // listing its items would take a goroutine for each shard
		}
		for id, value := range bucket.Items() {
			if process, ok := value.(actor.Process); ok {
				bucket.Remove(id)
				s.ProcessRegistry.Add(process, id)
			}
		}
	}
	return s
}
