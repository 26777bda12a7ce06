package integration_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// TestCallersPage executes the page about callers, with the users and the token that it speaks of.
func TestCallersPage(t *testing.T) {
	t.Parallel()
	dsn := "sqlite:" + filepath.Join(t.TempDir(), "page.db")
	r := openRegistry(t, dsn)
	token, _ := r.token(r.user("ann", "secret", "ADMIN"), "reports:read")
	all := pageFences(t, "docs/callers.md")
	for i := range all {
		all[i].text = strings.ReplaceAll(all[i].text, "TOKEN", token)
		if all[i].hint == "in options, served" {
			for j := range all {
				all[j].options = all[i].text
			}
		}
	}
	g, legacy := startPage(t, all, "DATABASE_URL="+dsn, "FAIRWAY_SECRET="+someSecret)
	for _, f := range all {
		t.Run(fmt.Sprintf("line %d", f.line), func(t *testing.T) { f.execute(t, g, legacy) })
	}
}
