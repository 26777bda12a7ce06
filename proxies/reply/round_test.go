package reply

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// TestRoundIsExact compares with fractions: no other number of so many places is nearer.
func TestRoundIsExact(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		text := fmt.Sprintf("%s%d.%0*de%d", []string{"", "-"}[random.IntN(2)], random.IntN(1000), 1+random.IntN(6), random.IntN(10), random.IntN(9)-4)
		places := random.IntN(9) - 3
		even := random.IntN(2) == 0
		got := roundTo(json.Number(text), places, even)
		marshalled, err := Marshal(got)
		if err != nil {
			t.Fatalf("%s to %d: %v", text, places, err)
		}
		exact, ok := new(big.Rat).SetString(text)
		rounded, okRounded := new(big.Rat).SetString(string(marshalled))
		if !ok || !okRounded {
			t.Fatalf("%s to %d gave %s", text, places, marshalled)
		}
		unit := new(big.Rat).SetFrac(big.NewInt(1), big.NewInt(1))
		ten := big.NewRat(10, 1)
		if places < 0 {
			for range -places {
				unit.Mul(unit, ten)
			}
		}
		for range places {
			unit.Quo(unit, ten)
		}
		n := new(big.Rat).Quo(rounded, unit)
		if !n.IsInt() {
			t.Errorf("%s to %d places is %s", text, places, marshalled)
		}
		off := new(big.Rat).Sub(exact, rounded)
		twice := new(big.Rat).Abs(off)
		switch twice.Mul(twice, big.NewRat(2, 1)).Cmp(unit) {
		case 1:
			t.Errorf("%s to %d places is %s, and another is nearer", text, places, marshalled)
		case 0:
			if even && n.Num().Bit(0) == 1 || !even && off.Sign() == rounded.Sign() {
				t.Errorf("%s to %d places (even: %v) is %s, a half the wrong way", text, places, even, marshalled)
			}
		}
	}
}

func TestRoundOfOddNumbers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		v      any
		places int
		want   string
	}{
		{2.675, 2, "2.68"},
		{1e21, 2, "1000000000000000000000"},
		{math.Copysign(0, -1), 2, "0"},
		{-0.001, 2, "0"},
		{0.000001, 3, "0"},
		{1e-300, 310, "0." + strings.Repeat("0", 299) + "1"},
		{math.Inf(1), 2, "1.7976931348623157e+308"},
		{math.NaN(), 2, "null"},
		{999.999, 2, "1000"},
		{12, -3, "0"},
		{567, -3, "1000"},
		{json.Number("1e999999999"), 2, "error"},
		{json.Number("1e-999999999"), 2, "error"},
		{"1", 2, "error"},
		{1, 1001, "error"},
	} {
		v := roundTo(c.v, c.places, false)
		got := "error"
		if _, failed := v.(error); !failed {
			text, err := Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			got = string(text)
		}
		if got != c.want {
			t.Errorf("%v to %d places is %s, want %s", c.v, c.places, got, c.want)
		}
	}
}

// TestWallIsWhatClocksShow goes through days on which clocks are put forward or back: a time is one that clocks of the zone show
// so, the first of them, and where there is none it is later by the step.
func TestWallIsWhatClocksShow(t *testing.T) {
	t.Parallel()
	for zone, days := range map[string][]string{
		"Europe/Berlin":       {"2024-03-31", "2024-10-27", "2024-07-01"},
		"America/New_York":    {"2024-03-10", "2024-11-03"},
		"Australia/Lord_Howe": {"2024-04-07", "2024-10-06"}, // by half an hour
		"Pacific/Apia":        {"2011-12-29", "2011-12-30", "2011-12-31"},
		"Asia/Kolkata":        {"2024-01-01"},
	} {
		where, err := zoneOf(zone)
		if err != nil {
			t.Fatal(err)
		}
		for _, day := range days {
			noon, err := time.Parse(time.DateOnly, day)
			if err != nil {
				t.Fatal(err)
			}
			// Every minute of time that passes, by what clocks show.
			shown := map[string]time.Time{}
			for at := noon.Add(-40 * time.Hour); at.Before(noon.Add(64 * time.Hour)); at = at.Add(time.Minute) {
				text := at.In(where).Format(time.DateTime)
				if _, twice := shown[text]; !twice {
					shown[text] = at
				}
			}
			for clock := noon; clock.Before(noon.AddDate(0, 0, 1)); clock = clock.Add(time.Minute) {
				got := wall(clock, where)
				want, ok := shown[clock.Format(time.DateTime)]
				if ok && !got.Equal(want) {
					t.Fatalf("%s in %s is %s, want %s", clock.Format(time.DateTime), zone, got, want)
				}
				if !ok && got.Format(time.DateTime) <= clock.Format(time.DateTime) {
					t.Fatalf("%s, which %s does not have, is %s", clock.Format(time.DateTime), zone, got)
				}
			}
		}
	}
}
