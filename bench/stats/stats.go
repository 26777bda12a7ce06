// Package stats sums up repeated measurements.
package stats

import (
	"math"
	"math/bits"
	"slices"
	"time"
)

// Spread is the middle and the ends of some values. All three are NaN when there are none.
type Spread struct {
	Median, Min, Max float64
}

// Of returns the spread of values; the median of an even number of them is the mean of the two in the middle.
func Of(values []float64) Spread {
	if len(values) == 0 {
		return Spread{math.NaN(), math.NaN(), math.NaN()}
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	median := sorted[middle]
	if len(sorted)%2 == 0 {
		median = (sorted[middle-1] + sorted[middle]) / 2
	}
	return Spread{Median: median, Min: sorted[0], Max: sorted[len(sorted)-1]}
}

// Ratios divides values by bases, pair by pair; what has no partner is left out.
func Ratios(values, bases []float64) []float64 {
	ratios := make([]float64, 0, len(values))
	for i := range min(len(values), len(bases)) {
		ratios = append(ratios, values[i]/bases[i])
	}
	return ratios
}

// subBuckets is the number of buckets for each power of two: a quantile is at most a 64th too high.
const subBuckets = 64

// Histogram counts durations in buckets that grow with the duration. The zero value is empty. It is not safe for concurrent use.
type Histogram struct {
	counts [64 * subBuckets]int64
	total  int64
}

// Add counts one duration; a negative one counts as 0.
func (h *Histogram) Add(d time.Duration) {
	h.counts[bucket(d)]++
	h.total++
}

// Merge adds the counts of other.
func (h *Histogram) Merge(other *Histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
}

// Quantile returns the upper end of the bucket that holds the q-th part (0 to 1) of the durations, 0 when there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := int64(math.Ceil(q * float64(h.total)))
	var seen int64
	for i, n := range h.counts {
		seen += n
		if n > 0 && seen >= rank {
			return upper(i)
		}
	}
	return 0
}

// bucket returns the index for d: durations below subBuckets ns have one each, above that every power of two is cut in subBuckets parts.
func bucket(d time.Duration) int {
	if d < subBuckets {
		return int(max(d, 0))
	}
	shift := bits.Len64(uint64(d)) - bits.Len(subBuckets)
	return shift*subBuckets + int(uint64(d)>>shift)
}

// upper returns the longest duration of a bucket.
func upper(index int) time.Duration {
	if index < 2*subBuckets {
		return time.Duration(index)
	}
	shift := index/subBuckets - 1
	return time.Duration(uint64(index-shift*subBuckets+1)<<shift - 1)
}
