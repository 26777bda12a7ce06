package limits

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/callers"
	"github.com/fairway-gateway/fairway/modules/control/refusals"
	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/rate"
)

// exceeded is what clients of Trends.Earth's know a refusal by.
const exceeded = "RATE_LIMIT_EXCEEDED"

// Config is how the control API is limited.
type Config struct {
	// Scope has the limits. Nil: there are none.
	Scope *rate.Scope
	// Address says where a request comes from, an IP address with or without a port. No default.
	Address func(*http.Request) string
	// Exempt are whom the limits do not hold for. What anybody may do they do too: log in, sign up, have a password recovered.
	Exempt Exempt
	// Refused is told of each request that is refused, and must not take long. Default nobody.
	Refused func(rate.Refusal)
}

// Exempt are callers for whom no limit holds.
type Exempt struct {
	// Admins are administrators and super administrators. Default false.
	Admins bool
	// Networks are where callers come from. Default none.
	Networks []netip.Prefix
}

// ParseExempt reads words: admins, addresses and networks, or nobody alone. No words are admins. An error is about the word at that
// index.
func ParseExempt(words []string) (e Exempt, at int, err error) {
	if len(words) == 0 {
		return Exempt{Admins: true}, 0, nil
	}
	for i, word := range words {
		switch word {
		case "admins":
			e.Admins = true
			continue
		case "private_ranges": // those of Caddy's trusted_proxies
			for _, n := range []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "fd00::/8", "::1/128"} {
				e.Networks = append(e.Networks, netip.MustParsePrefix(n))
			}
			continue
		case "nobody":
			if len(words) > 1 {
				return e, i, errors.New("exempt nobody stands alone")
			}
			continue
		}
		network, err := netip.ParsePrefix(word)
		if a, err2 := netip.ParseAddr(word); err2 == nil && a.Zone() == "" {
			network, err = a.Prefix(a.BitLen())
		}
		if err != nil {
			return e, i, fmt.Errorf("%q is neither admins, private_ranges, nobody, an address nor a network like 10.0.0.0/8", word)
		}
		if network.Addr().Is4In6() {
			return e, i, fmt.Errorf("write the network %s as one of IPv4", word)
		}
		e.Networks = append(e.Networks, network.Masked())
	}
	return e, 0, nil
}

// network says whether an address is in one of the networks.
func (e Exempt) network(address string) bool {
	if len(e.Networks) == 0 {
		return false
	}
	a, err := netip.ParseAddr(address)
	if err != nil {
		ap, err := netip.ParseAddrPort(address)
		if err != nil {
			return false
		}
		a = ap.Addr()
	}
	a = a.Unmap().WithZone("")
	for _, n := range e.Networks {
		if n.Contains(a) {
			return true
		}
	}
	return false
}

// caller says whether somebody is an administrator who is let through.
func (e Exempt) caller(c *callers.Caller) bool {
	role := c.Permit().Role
	return e.Admins && role.Staff()
}

// Gate gives what api.Options.Admit asks: the limits of the control API. Those by address are asked before anybody is identified.
// Whom one of them refuses, and who shows a token, is identified then: he may be exempt. Passwords are not looked at any more: so a
// limit bounds how many may be tried.
func Gate(cfg Config) func(http.ResponseWriter, *http.Request, *callers.Caller, *rate.Verdict) *api.Failure {
	return cfg.admit
}

func (cfg Config) admit(w http.ResponseWriter, r *http.Request, c *callers.Caller, v *rate.Verdict) *api.Failure {
	by := rate.ByAddress
	if c != nil {
		by = rate.ByCaller
	}
	if !cfg.Scope.Has(by) {
		return nil
	}
	address, exempting := cfg.Address(r), api.Exempting(r)
	if exempting && (cfg.Exempt.network(address) || c != nil && cfg.Exempt.caller(c)) {
		return nil
	}
	who := rate.AddressText(address)
	if c != nil {
		who = c.Name()
	}
	ok := cfg.Scope.Take(r.Context(), by, who, v)
	if !ok && c == nil && exempting && cfg.admin(r) {
		v.Forget()
		return nil
	}
	v.WriteHeader(w.Header())
	if ok {
		return nil
	}
	cfg.tell(r, c, who, address, v)
	return &api.Failure{Status: http.StatusTooManyRequests, Type: problem.RateLimited, Code: exceeded, Detail: rate.Detail, RetryAfter: v.RetryAfter()}
}

// admin says whether somebody shows an administrator's token, who is let through.
func (cfg Config) admin(r *http.Request) bool {
	if _, err := tokens.Bearer(r.Header); err != nil || !cfg.Exempt.Admins {
		return false
	}
	c, err := api.CallerOf(r)
	return err == nil && c != nil && cfg.Exempt.caller(c)
}

// tell says that a request was refused.
func (cfg Config) tell(r *http.Request, c *callers.Caller, who, address string, v *rate.Verdict) {
	if cfg.Refused == nil {
		return
	}
	said, _ := v.Refusal()
	said.Key, said.Address, said.Method, said.Endpoint, said.Agent = who, address, r.Method, refusals.Endpoint(r), r.UserAgent()
	if c != nil {
		said.User, said.Email, said.Role = c.ID, c.Email, c.Role
	}
	cfg.Refused(said)
}
