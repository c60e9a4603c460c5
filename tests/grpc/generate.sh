#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Generates the message types of connectrpc.com/conformance, version $1, in
# internal/conformancev1. $2 is the path of protoc-gen-go.
set -euo pipefail
version=$1 plugin=$2
cd "$(dirname "${BASH_SOURCE[0]}")"

# libprotobuf-dev has Google's types that the files import.
packages="protobuf-compiler libprotobuf-dev"
if ! command -v protoc >/dev/null || ! echo 'syntax = "proto3"; import "google/protobuf/any.proto";' |
	protoc --proto_path=/dev --descriptor_set_out=/dev/null /dev/stdin 2>/dev/null; then
	echo "conformance: protoc or its standard types are missing, installing $packages"
	sudo=; [ "$(id -u)" = 0 ] || sudo="sudo -n"
	if ! command -v apt-get >/dev/null || ! { $sudo apt-get update -qq && $sudo apt-get install -y -qq --no-install-recommends $packages; } >&2; then
		echo "conformance: could not; install protoc and Google's standard types (Debian, Ubuntu: $packages; Fedora: protobuf-compiler protobuf-devel; macOS: protobuf) and run again" >&2
		exit 1
	fi
fi

module=connectrpc.com/conformance@$version
(cd / && GOWORK=off go mod download "$module") # in /, so that no go.sum is changed
protos=$(go env GOMODCACHE)/$module/proto
into=example.com/mailcall/tests/grpc/internal/conformancev1
files=() map=()
for name in config service client_compat; do
	file=connectrpc/conformance/v1/$name.proto
	files+=("$file") map+=("--go_opt=M$file=$into")
done
protoc --plugin=protoc-gen-go="$plugin" --proto_path="$protos" \
	--go_out=. --go_opt=module=example.com/mailcall/tests/grpc "${map[@]}" "${files[@]}"
