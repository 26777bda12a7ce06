package stats

import (
	"math"
	"slices"
	"testing"
	"time"
)

func TestOf(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		in   []float64
		want Spread
	}{
		{"one", []float64{3}, Spread{3, 3, 3}},
		{"odd", []float64{9, 1, 2}, Spread{2, 1, 9}},
		{"even", []float64{4, 1, 2, 9}, Spread{3, 1, 9}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			before := slices.Clone(test.in)
			if got := Of(test.in); got != test.want {
				t.Errorf("Of(%v) = %+v; want %+v", test.in, got, test.want)
			}
			if !slices.Equal(test.in, before) {
				t.Errorf("Of changed its argument to %v", test.in)
			}
		})
	}
	if got := Of(nil); !math.IsNaN(got.Median) || !math.IsNaN(got.Min) || !math.IsNaN(got.Max) {
		t.Errorf("Of(nil) = %+v; want NaN", got)
	}
}

func TestRatios(t *testing.T) {
	t.Parallel()
	if got, want := Ratios([]float64{1, 6, 5}, []float64{2, 3}), []float64{0.5, 2}; !slices.Equal(got, want) {
		t.Errorf("Ratios = %v; want %v", got, want)
	}
}

func TestHistogram(t *testing.T) {
	t.Parallel()
	var even, odd Histogram
	for i := range 1000 {
		h := &even
		if i%2 == 1 {
			h = &odd
		}
		h.Add(time.Duration(i+1) * time.Microsecond)
	}
	even.Merge(&odd)
	for _, q := range []float64{0.001, 0.5, 0.99, 1} {
		want := time.Duration(q*1000) * time.Microsecond
		if got := even.Quantile(q); got < want || got > want+want/subBuckets {
			t.Errorf("Quantile(%v) = %v; want %v or up to an eighth more", q, got, want)
		}
	}
	var empty Histogram
	if got := empty.Quantile(0.5); got != 0 {
		t.Errorf("Quantile of nothing = %v; want 0", got)
	}
}

func TestBuckets(t *testing.T) {
	t.Parallel()
	previous := -1
	for _, d := range []time.Duration{0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 1000, time.Second, math.MaxInt64} {
		index := bucket(d)
		if index < previous || index >= len(Histogram{}.counts) {
			t.Errorf("bucket(%d) = %d after %d", d, index, previous)
		}
		previous = index
		if upper(index) < d || (upper(index) >= d+1 && bucket(upper(index)) != index) {
			t.Errorf("upper(bucket(%d)) = %d, of bucket %d", d, upper(index), bucket(upper(index)))
		}
	}
	if bucket(-5) != 0 {
		t.Errorf("bucket of a negative duration = %d; want 0", bucket(-5))
	}
}
