// SPDX-License-Identifier: Apache-2.0

package nats

import (
	"fmt"
	"net/url"
	"strings"

	"example.com/mailcall/broker"
)

// checkSubject returns an error for an invalid subject. Wildcards are allowed for
// subscriptions only.
func checkSubject(subject string, wildcards bool) error {
	if subject == "" {
		return fmt.Errorf("%w: the topic is empty", broker.ErrInvalid)
	}
	if strings.ContainsAny(subject, " \t\r\n\x00") {
		return fmt.Errorf("%w: a NATS subject must not contain spaces: %q", broker.ErrInvalid, subject)
	}
	for token := range strings.SplitSeq(subject, ".") {
		switch {
		case token == "":
			return fmt.Errorf("%w: a NATS subject must not have an empty token: %q", broker.ErrInvalid, subject)
		case !wildcards && (token == "*" || token == ">"):
			return fmt.Errorf("%w: wildcards are only for subscriptions: %q", broker.ErrInvalid, subject)
		}
	}
	return nil
}

// redacted returns urls without their passwords, for errors.
func redacted(urls []string) []string {
	out := make([]string, len(urls))
	for i, text := range urls {
		implied := ""
		if !strings.Contains(text, "://") {
			implied = "nats://" // nats.go adds it
		}
		out[i] = "(a URL that cannot be parsed)"
		if u, err := url.Parse(implied + text); err == nil {
			out[i] = strings.TrimPrefix(u.Redacted(), implied)
		}
	}
	return out
}
