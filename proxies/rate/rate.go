// Package rate says how many requests somebody may make, and tells him how many are left.
//
//	limiter := rate.New(rate.Options{})
//	scope := limiter.Scope(rate.ScopeOptions{Name: "service weather", Policy: "service", Limits: []rate.Limit{{N: 100, Per: time.Minute}}})
//	defer scope.Close()
//
//	var v rate.Verdict
//	ok := scope.Take(ctx, rate.ByAddress, rate.Address(addr), &v)
//	v.WriteHeader(w.Header())
//	if !ok {
//		// 429
//	}
//
// A limit of 100 in a minute is a bucket of 100 that fills again evenly, one every 600 ms: 100 may come at once, and in any
// minute fewer than twice as many do. That is the generic cell rate algorithm, with one time to remember for each bucket.
//
// Gateways share buckets through Counters. What they are asked for is a keyed hash: neither addresses nor names are readable in
// a store. Where shared counters fail or are slow, the process counts for itself, from where they were.
package rate

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// By is whose requests are counted together.
type By string

// Whose requests are counted together.
const (
	// ByDefault is ByCaller where callers are known, else ByAddress.
	ByDefault By = ""
	// ByAddress counts those from one address, of IPv6 one network of 64 bits. It is asked before anybody is identified.
	ByAddress By = "address"
	// ByCaller counts those of one caller, wherever he is.
	ByCaller By = "caller"
)

// Limit is how many requests may be made in a time. In JSON it is the text that a Caddyfile has: "100/m by caller".
type Limit struct {
	// N is how many, 1 to 1000000.
	N int
	// Per is in which time, whole seconds from one to 31 days.
	Per time.Duration
	// By is whose.
	By By
}

// Taken is what became of a request that was to be counted.
type Taken struct {
	// OK: it was counted, and may be made.
	OK bool
	// Left is how many more may be made at once.
	Left int
	// Retry is after how long the next one may be made, 0 where Left is not. Reset is after how long all may.
	Retry, Reset time.Duration
}

// Counters are buckets by key, of 16 to 64 bytes. Each method is one step, whoever else asks at the same time.
// ratetest.Conformance has their tests.
type Counters interface {
	// Take counts a request of at most n at once, of which one comes back each n-th part of per.
	Take(ctx context.Context, key []byte, n int, per time.Duration) (Taken, error)
	// Count says how many buckets whose keys begin so are in use, and how many of them let nobody through.
	Count(ctx context.Context, prefix []byte, n int, per time.Duration) (used, full int, err error)
	// Clear forgets the buckets whose keys begin so, and says how many those were.
	Clear(ctx context.Context, prefix []byte) (int, error)
}

// Network is whose requests are counted together: an IPv4 address, or the network of 64 bits of an IPv6 address, since one
// subscriber commonly has all of that (RFC 6177).
func Network(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // the zero address
	}
	return p
}

// Address is what a limit ByAddress calls who is at a: "ip:192.0.2.1/32".
func Address(a netip.Addr) string {
	text := make([]byte, 0, 64)
	return string(Network(a).AppendTo(append(text, "ip:"...)))
}

// AddressText is Address of a text, an address with or without a port. What is none is counted together.
func AddressText(text string) string {
	a, err := netip.ParseAddr(text)
	if err != nil {
		if ap, err := netip.ParseAddrPort(text); err == nil {
			a = ap.Addr()
		}
	}
	return Address(a)
}

// leak is after how long one comes back.
func leak(n int, per time.Duration) time.Duration {
	return max(per/time.Duration(max(n, 1)), time.Microsecond)
}

// of says what a bucket lets through that is empty again after a while.
func of(ok bool, empty time.Duration, n int, one time.Duration) Taken {
	empty = max(empty, 0)
	used := int((empty + one - 1) / one)
	t := Taken{OK: ok, Left: max(0, n-used), Reset: empty}
	if t.Left == 0 {
		t.Retry = max(empty-time.Duration(n-1)*one, time.Microsecond)
	}
	return t
}

// Check says what is wrong with a limit.
func (l Limit) Check() error {
	switch {
	case l.N < 1 || l.N > most:
		return fmt.Errorf("a rate has a whole number from 1 to %d before the slash, not %d", most, l.N)
	case l.Per < time.Second || l.Per > longest || l.Per%time.Second != 0:
		return fmt.Errorf("a rate is for whole seconds, from one to 31 days, not for %s", l.Per)
	case l.By != ByDefault && l.By != ByAddress && l.By != ByCaller:
		return fmt.Errorf("a rate is by caller or by address, not by %q", string(l.By))
	}
	return nil
}

// Settle checks limits that hold for the same requests, and gives them with otherwise where they do not say whose. An error is
// about the limit at that index.
func Settle(limits []Limit, otherwise By) (out []Limit, at int, err error) {
	for i, l := range limits {
		if err := l.Check(); err != nil {
			return nil, i, err
		}
		l.By = cmp.Or(l.By, otherwise)
		if slices.ContainsFunc(out, func(o Limit) bool { return o.Per == l.Per && o.By == l.By }) {
			return nil, i, fmt.Errorf("there are two rates for the same time by %s", l.By)
		}
		out = append(out, l)
	}
	return out, 0, nil
}

// String is the limit as a Caddyfile has it.
func (l Limit) String() string {
	s := fmt.Sprintf("%d/%s", l.N, unitOf(l.Per))
	if l.By != ByDefault {
		s += " by " + string(l.By)
	}
	return s
}

// MarshalJSON writes it as text.
func (l Limit) MarshalJSON() ([]byte, error) { return json.Marshal(l.String()) }

// UnmarshalJSON reads text.
func (l *Limit) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	v, err := Parse(s)
	if err != nil {
		return err
	}
	*l = v
	return nil
}
