// SPDX-License-Identifier: Apache-2.0

// Package greet has the messages of the greeter that mailcalltest serves.
//
// The code is made by protoc-gen-go v1.36.12.
package greet

//go:generate protoc -Imailcall/greet=. --go_out=. --go_opt=module=example.com/mailcall/mailcalltest/greet mailcall/greet/greet.proto
