// SPDX-License-Identifier: Apache-2.0

// Package report turns samples into medians, ratios and files.
package report

import (
	"os"
	"runtime"
	"runtime/debug"
	"strings"
)

// Machine describes what the figures depend on.
type Machine struct {
	// System is GOOS/GOARCH, Kernel its release, "" if unknown.
	System string `json:"system"`
	Kernel string `json:"kernel,omitempty"`
	// CPU is the model name of the processor, Cores the number of logical processors,
	// Procs is GOMAXPROCS.
	CPU   string `json:"cpu,omitempty"`
	Cores int    `json:"cores"`
	Procs int    `json:"procs"`
	// Memory is the total memory, as reported by the system.
	Memory string `json:"memory,omitempty"`
	// Congestion is the kernel's TCP congestion control, "" if unknown. With bbr one
	// connection carries less than several, also over loopback.
	Congestion string `json:"congestion,omitempty"`
	// Go is the version of the toolchain.
	Go string `json:"go"`
	// Modules are the modules under test with their versions.
	Modules []string `json:"modules,omitempty"`
}

// ThisMachine describes the machine and the program.
func ThisMachine() Machine {
	m := Machine{
		System: runtime.GOOS + "/" + runtime.GOARCH, Cores: runtime.NumCPU(), Procs: runtime.GOMAXPROCS(0),
		Go:     runtime.Version(),
		CPU:    valueIn("/proc/cpuinfo", "model name"),
		Memory: valueIn("/proc/meminfo", "MemTotal"),
	}
	m.Kernel = textOf("/proc/sys/kernel/osrelease")
	m.Congestion = textOf("/proc/sys/net/ipv4/tcp_congestion_control")
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if isMeasured(dep.Path) {
				m.Modules = append(m.Modules, dep.Path+" "+dep.Version)
			}
		}
	}
	return m
}

func isMeasured(path string) bool {
	switch path {
	case "github.com/valyala/fasthttp", "google.golang.org/protobuf", "github.com/asynkron/protoactor-go",
		"google.golang.org/grpc", "connectrpc.com/connect", "storj.io/drpc":
		return true
	}
	return false
}

// textOf returns the content of a file, or "".
func textOf(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// valueIn returns the value of the first "name : value" line, or "".
func valueIn(path, name string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		key, value, found := strings.Cut(line, ":")
		if found && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
