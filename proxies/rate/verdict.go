package rate

import (
	"net/http"
	"strconv"
	"time"
)

// Verdict is what the limits of a request say. The zero value is of none.
type Verdict struct {
	items []item
}

type item struct {
	*bound
	Taken
}

func (v *Verdict) add(b *bound, t Taken) { v.items = append(v.items, item{b, t}) }

// Detail is the sentence for who is refused.
const Detail = "Rate limit exceeded. Please try again later."

// RetryAfter is after how long the request that was refused may be made. 0: it was not refused.
func (v *Verdict) RetryAfter() time.Duration {
	var d time.Duration
	for _, it := range v.items {
		if !it.OK {
			d = max(d, it.Retry)
		}
	}
	return d
}

// Refused is the limit that refused the request; nil: none did.
func (v *Verdict) Refused() *Limit {
	for _, it := range v.items {
		if !it.OK {
			return &it.Limit
		}
	}
	return nil
}

// Refusal is a request that a limit refused, for who keeps a record of it.
type Refusal struct {
	// Scope is what the limit is of, as ScopeOptions.Name has it.
	Scope string
	Limit Limit
	// Retry is after how long the request may be made.
	Retry time.Duration
	// Key is whom the limit counted, as Take was told; "": nobody who has a name that may be written down.
	Key string
	// Address is where the request came from, with or without a port; Method, Endpoint (a pattern of paths) and Agent (the header
	// User-Agent) are what it was.
	Address, Method, Endpoint, Agent string
	// User is the id of who is known to have made it, Email and Role are his; "": nobody is known.
	User, Email, Role string
}

// Refusal gives the limit that refused the request, and what it said; false: none did.
func (v *Verdict) Refusal() (Refusal, bool) {
	for _, it := range v.items {
		if !it.OK {
			return Refusal{Scope: it.known.scope, Limit: it.Limit, Retry: it.Retry}, true
		}
	}
	return Refusal{}, false
}

// Forget has a verdict say nothing, of a request for which no limit holds after all.
func (v *Verdict) Forget() { v.items = nil }

// seconds rounds up: who comes back then is let through.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// window is for how long no more than what is left may be made: until the next one comes back where nothing is left, else
// until all have. So Retry-After is its end.
func (t Taken) window() int64 {
	if t.Left == 0 {
		return seconds(t.Retry)
	}
	return seconds(t.Reset)
}

// WriteHeader adds to the header of an answer what the limits say: RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers),
// which have all of them, and X-RateLimit-Limit, -Remaining and -Reset (seconds since 1970) of the one that leaves the fewest.
func (v *Verdict) WriteHeader(h http.Header) {
	if len(v.items) == 0 {
		return
	}
	least := v.items[0]
	policies, limits := make([]byte, 0, 64), make([]byte, 0, 64)
	for i, it := range v.items {
		if i > 0 {
			policies, limits = append(policies, ", "...), append(limits, ", "...)
		}
		policies = append(policies, it.policy...)
		limits = append(append(limits, it.name...), ";r="...)
		limits = strconv.AppendInt(limits, int64(it.Left), 10)
		limits = strconv.AppendInt(append(limits, ";t="...), it.window(), 10)
		if !it.OK || least.OK && it.Left < least.Left {
			least = it
		}
	}
	h["Ratelimit-Policy"], h["Ratelimit"] = []string{string(policies)}, []string{string(limits)}
	h["X-Ratelimit-Limit"] = []string{strconv.Itoa(least.N)}
	h["X-Ratelimit-Remaining"] = []string{strconv.Itoa(least.Left)}
	h["X-Ratelimit-Reset"] = []string{strconv.FormatInt(time.Now().Unix()+least.window(), 10)}
}
