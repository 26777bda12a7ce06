package identity

import "testing"

func TestPercentFor(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		base uint64
		want int
	}{
		{0, 1000},
		{1 << 20, 1000},
		{4 << 20, 300},
		{8 << 20, 150},
		{16 << 20, 100},
		{1 << 30, 100},
		{1 << 62, 100},
	} {
		if got := percentFor(test.base); got != test.want {
			t.Errorf("percentFor(%d) = %d, want %d", test.base, got, test.want)
		}
	}
}
