package reply

import "testing"

// BenchmarkRun is a program as most replies are.
func BenchmarkRun(b *testing.B) {
	p, err := Compile(`{ jobname: $jobname, metric: $metric, value: . }`, []string{"jobname", "metric"})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := p.Run(b.Context(), "42", "a", "b"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRunLong goes through rows.
func BenchmarkRunLong(b *testing.B) {
	p, err := Compile(`[.[] | {id, sum: (.a + .b), big: (.a > .b)}] | map(select(.big)) | length`, nil)
	if err != nil {
		b.Fatal(err)
	}
	rows := make([]any, 10_000)
	for i := range rows {
		rows[i] = map[string]any{"id": i, "a": i % 7, "b": i % 5}
	}
	for b.Loop() {
		if _, err := p.Run(b.Context(), rows); err != nil {
			b.Fatal(err)
		}
	}
}
