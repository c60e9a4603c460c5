// SPDX-License-Identifier: Apache-2.0

// Package outcome says what became of a call in the words of gRPC, where the
// suites ask for them.
package outcome

import (
	"context"
	"errors"
	"os"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"example.com/mailcall/rpcerr"
)

// Status is err as a status of gRPC: that of the server or of gRPC's library
// where there is one, else one made of the reason for which mailcall ended the
// call itself. Nil for nil.
func Status(err error) *status.Status {
	if err == nil {
		return nil
	}
	var known interface{ GRPCStatus() *status.Status }
	switch {
	case errors.As(err, &known):
		return known.GRPCStatus()
	case errors.Is(err, context.Canceled):
		return status.New(codes.Canceled, err.Error())
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, rpcerr.ErrAttemptTimeout):
		return status.New(codes.DeadlineExceeded, err.Error())
	default:
		return status.New(codes.Unknown, err.Error())
	}
}
