package control

import (
	"log/slog"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/realm"
	"github.com/fairway-gateway/fairway/modules/docs"
	"github.com/fairway-gateway/fairway/modules/docs/docstest"
)

// TestEveryOperationIsServed holds what is served to the table, both ways.
func TestEveryOperationIsServed(t *testing.T) {
	t.Parallel()
	if _, err := operations(new(realm.Parts), new(limited), new(docs.Options), nil, slog.New(slog.DiscardHandler)); err != nil {
		t.Error(err)
	}
}

// TestDocumentIsValid is about all operations as they are served, the typed ones and the others.
func TestDocumentIsValid(t *testing.T) {
	t.Parallel()
	d := docs.Options{Version: "1.2.3"}
	if _, err := operations(new(realm.Parts), new(limited), &d, nil, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{docs.OpenAPI31, docs.OpenAPI30, docs.Swagger20} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			raw, err := docs.Make(docs.Source{Table: d.Table, Typed: d.Typed, Once: d.Once, Version: d.Version, Address: "https://api.example.org"}, format)
			if err != nil {
				t.Fatal(err)
			}
			docstest.Valid(t, format, raw)
		})
	}
}

// TestNothingIsLate is about later, where what is not in the table must not stand.
func TestNothingIsLate(t *testing.T) {
	t.Parallel()
	if unknown, _ := permit.New().Differences(later()); len(unknown) > 0 {
		t.Error(cmp.Diff([]string{}, unknown))
	}
}

// TestWhatIsOfOAuthIsInTheTable is about ofOAuth.
func TestWhatIsOfOAuthIsInTheTable(t *testing.T) {
	t.Parallel()
	if unknown, _ := permit.New().Differences(ofOAuth()); len(unknown) > 0 {
		t.Error(cmp.Diff([]string{}, unknown))
	}
}

// TestWhatIsMadeOnceIsInTheTable is about creating.
func TestWhatIsMadeOnceIsInTheTable(t *testing.T) {
	t.Parallel()
	if unknown, _ := permit.New().Differences(slices.Collect(maps.Keys(creating()))); len(unknown) > 0 {
		t.Error(cmp.Diff([]string{}, unknown))
	}
}
