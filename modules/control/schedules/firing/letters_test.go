package firing_test

import (
	"context"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/schedules/firing"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// TestLetters holds what owners are written, and that no name makes a subject that cannot be sent.
func TestLetters(t *testing.T) {
	t.Parallel()
	id := uuid.MustParse("019a0000-0000-7000-8000-000000000001")
	var to, subject, text string
	write := firing.ByMail(func(_ context.Context, _ db.Querier, t, s, b string) error {
		to, subject, text = t, s, b
		return nil
	}, "https://gateway.example.org")
	send := func(name, kind, why string) {
		t.Helper()
		must(t, write(t.Context(), nil, []queries.ScheduleNews{{Schedule: db.Schedule{ID: id, Name: name, LastExecution: &id}, Email: "a@x.org", Script: "land", Kind: kind, Text: why}}))
	}
	send("nightly", queries.ScheduleAlert, "it failed 3 times in a row")
	want := `The schedule "nightly" fails: it failed 3 times in a row.

Script:         land
Schedule:       019a0000-0000-7000-8000-000000000001
Last execution: 019a0000-0000-7000-8000-000000000001

https://gateway.example.org/api/v1/schedule/019a0000-0000-7000-8000-000000000001/history says what became of each time.

You are told once, until it goes well again.
`
	if to != "a@x.org" || subject != `Schedule "nightly" fails` || text != want {
		t.Errorf("%s\n%s\n%s", to, subject, text)
	}
	for _, name := range []string{strings.Repeat("\u2028", 120), strings.Repeat("💥", 120), "a\r\nBcc: b@x.org", `"`, "\xff"} {
		send(name, queries.SchedulePaused, "it is paused: its script was deleted")
		if utf8.RuneCountInString(subject) > 200 || strings.ContainsFunc(subject, func(r rune) bool { return !unicode.IsPrint(r) && r != '\ufffd' }) || !strings.Contains(text, "is paused: its script was deleted.") {
			t.Errorf("%q\n%s", subject, text)
		}
	}
}
