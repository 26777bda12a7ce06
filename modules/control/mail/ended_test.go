package mail

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/queries/db"
)

// endedOf are so many executions that have ended.
func endedOf(n int) []Ended {
	all := make([]Ended, n)
	for i := range all {
		all[i] = Ended{ID: fmt.Sprint("id", i), Script: "land", Status: "FINISHED", At: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), Took: 90 * time.Second}
	}
	return all
}

// TestLettersAboutEnds go to a real server.
func TestLettersAboutEnds(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	taken := serve(t, port)
	p := newPost(t, to("smtp", port), quick())
	run(t, p.Mailer)
	send := func(all []Ended) {
		t.Helper()
		must(t, p.store.InTx(t.Context(), func(q db.Querier) error { return p.Ended(t.Context(), q, "ann@example.org", all) }))
	}
	send(endedOf(1))
	d := receive(t, taken)
	h, text, html := d.read(t)
	public := p.PublicURL()
	want := "An execution of yours has ended at " + public + ".\n\nland: FINISHED\n  ended 2026-01-02 03:04:05 UTC, after 1m30s\n  " + public + "/api/v1/execution/id0\n\nYou get no such letters any more when email_notifications_enabled of your account is false.\n"
	if h.Get("Subject") != "land: FINISHED" || h.Get("Auto-Submitted") != "auto-generated" || text != want || !strings.Contains(html, `href="`+public+`/api/v1/execution/id0"`) {
		t.Errorf("%s\n%s\n%s", h, text, html)
	}
	hostile := endedOf(2)
	hostile[0].Script, hostile[1].Script = "<b>a\r\nBcc: eve@example.org", strings.Repeat("💥", 300)
	send(hostile[:1])
	d = receive(t, taken)
	if h, _, html = d.read(t); len(d.To) != 1 || h.Get("Bcc") != "" || strings.Contains(html, "<b>") {
		t.Errorf("%s\n%s", h, html)
	}
	send(hostile)
	d = receive(t, taken)
	if h, _, _ = d.read(t); h.Get("Subject") != "2 executions have ended" {
		t.Error(h)
	}
	send(hostile[1:]) // its subject is one that can be sent
	receive(t, taken)
	send(endedOf(MostEnded + 1))
	subjects := map[string]bool{}
	for range 2 {
		d = receive(t, taken)
		h, _, _ = d.read(t)
		subjects[h.Get("Subject")] = true
	}
	if !subjects["land: FINISHED"] || !subjects["100 executions have ended"] {
		t.Error(subjects)
	}
}
