package wrap

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration that JSON writes as text ("1m30s") and reads as text, with d for days, or as nanoseconds.
type Duration time.Duration

// ParseDuration reads "10s", "1h30m", "2d", "1d12h". It must be positive.
func ParseDuration(s string) (Duration, error) {
	var days time.Duration
	rest := s
	if n, after, ok := strings.Cut(s, "d"); ok {
		v, err := strconv.ParseUint(n, 10, 16)
		if err != nil {
			return 0, fmt.Errorf("%q is no duration; write it like 10s, 1m30s or 2d", s)
		}
		days, rest = time.Duration(v)*24*time.Hour, after
	}
	var d time.Duration
	if rest != "" {
		var err error
		if d, err = time.ParseDuration(rest); err != nil {
			return 0, fmt.Errorf("%q is no duration; write it like 10s, 1m30s or 2d", s)
		}
	}
	if d < 0 || days+d <= 0 {
		return 0, fmt.Errorf("the duration %q must be more than nothing", s)
	}
	return Duration(days + d), nil
}

// MarshalJSON writes it as text.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// UnmarshalJSON reads text or nanoseconds.
func (d *Duration) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] != '"' {
		var n int64
		if err := json.Unmarshal(b, &n); err != nil {
			return err
		}
		if n < 0 {
			return fmt.Errorf("%d is no duration; write it like 500ms, 10s or 1m", n)
		}
		*d = Duration(n)
		return nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	v, err := ParseDuration(s)
	if err != nil {
		return err
	}
	*d = v
	return nil
}

// Size is a number of bytes that JSON reads as a number or as text ("10MiB") and writes as a number.
type Size int64

// sizeUnits are tried in this order; the bare letter forms are powers of 1024 as everybody means them.
func sizeUnits() []struct {
	suffix string
	factor int64
} {
	return []struct {
		suffix string
		factor int64
	}{
		{"kib", 1 << 10},
		{"mib", 1 << 20},
		{"gib", 1 << 30},
		{"kb", 1e3},
		{"mb", 1e6},
		{"gb", 1e9},
		{"k", 1 << 10},
		{"m", 1 << 20},
		{"g", 1 << 30},
		{"b", 1},
		{"", 1},
	}
}

// ParseSize reads "512", "64KiB", "10MiB", "1GiB", "10MB". It must be positive.
func ParseSize(s string) (Size, error) {
	lower := strings.ToLower(strings.TrimSpace(s))
	for _, u := range sizeUnits() {
		digits, ok := strings.CutSuffix(lower, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n <= 0 || n > (1<<62)/u.factor {
			break
		}
		return Size(n * u.factor), nil
	}
	return 0, fmt.Errorf("%q is no size; write it like 64KiB, 10MiB or 1GiB", s)
}

// UnmarshalJSON reads a number of bytes or text.
func (z *Size) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		v, err := ParseSize(s)
		if err != nil {
			return err
		}
		*z = v
		return nil
	}
	var n int64
	if err := json.Unmarshal(b, &n); err != nil {
		return err
	}
	if n < 0 {
		return fmt.Errorf("%d is no size; write it like 64KiB, 10MiB or 1GiB", n)
	}
	*z = Size(n)
	return nil
}
