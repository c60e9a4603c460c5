// SPDX-License-Identifier: Apache-2.0

package actors

import (
	"log/slog"
	"slices"

	"github.com/asynkron/protoactor-go/actor"
)

// System is protoactor's actor system, for programs that have one already.
type System = actor.ActorSystem

// registryBuckets is the size of the process registry of an actor system that
// the runtime makes. protoactor's default is 1024 buckets of 32 shards each:
// 2.9 MB in 66,000 objects (measured), which every garbage collection has to
// scan. A client registers three processes for each call in flight and looks
// them up once, so a sixty-fourth of that is enough.
const registryBuckets = 16

// newSystem makes an actor system that logs to logger.
func newSystem(logger *slog.Logger) *System {
	s := actor.NewActorSystem(actor.WithLoggerFactory(
		func(*actor.ActorSystem) *slog.Logger { return logger }))
	table := s.ProcessRegistry.LocalPIDs
	buckets := table.LocalPIDs
	table.LocalPIDs = slices.Clone(buckets[:registryBuckets])
	// The processes that the system has registered for itself move to the buckets
	// in which they will be looked up from now on.
	for _, bucket := range buckets {
		if bucket.Count() == 0 {
			continue // Items would start a goroutine for each shard
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
