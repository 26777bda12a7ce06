package control

import (
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/realm"
)

// TestEveryOperationIsServed holds what is served to the table, both ways.
func TestEveryOperationIsServed(t *testing.T) {
	t.Parallel()
	if _, err := operations(new(realm.Parts), new(limited), slog.New(slog.DiscardHandler)); err != nil {
		t.Error(err)
	}
}

// TestNothingIsLate is about later, where what is not in the table must not stand.
func TestNothingIsLate(t *testing.T) {
	t.Parallel()
	if unknown, _ := permit.New().Differences(later()); len(unknown) > 0 {
		t.Error(cmp.Diff([]string{}, unknown))
	}
}
