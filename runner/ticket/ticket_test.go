package ticket_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/runner/ticket"
)

func TestTickets(t *testing.T) {
	t.Parallel()
	one, hash := ticket.New()
	other, _ := ticket.New()
	if !regexp.MustCompile(`^fw_run_[A-Za-z0-9_-]{43}$`).MatchString(one) || one == other || len(one) != ticket.Length {
		t.Error(one, other)
	}
	if got, ok := ticket.Hash(one); !ok || !bytes.Equal(got, hash) || len(hash) != 32 {
		t.Error(got, ok)
	}
	for _, none := range []string{"", ticket.Prefix, one[1:], one + "x", one[:len(one)-1], one[:len(one)-1] + "=", "fw_api_" + one[7:], strings.ToUpper(one), one[:len(one)-1] + "\n", " " + one} {
		if _, ok := ticket.Hash(none); ok {
			t.Errorf("%q", none)
		}
	}
}

// TestOf makes a token of something: the same again, and another one of something else or by another key.
func TestOf(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 2 {
		for _, c := range [][2]string{{"key", "a"}, {"key", "b"}, {"other", "a"}} {
			token, hash := ticket.Of([]byte(c[0]), []byte(c[1]))
			if again, ok := ticket.Hash(token); !ok || !bytes.Equal(again, hash) {
				t.Errorf("%v: %s", c, token)
			}
			seen[token] = true
		}
	}
	if len(seen) != 3 {
		t.Errorf("%d tokens of three", len(seen))
	}
}
