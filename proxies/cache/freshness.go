package cache

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/pquerna/cachecontrol/cacheobject"
)

// Freshness gives how long an answer is fresh by its own header (RFC 9111, 4.2, for a shared cache), or dflt where the header does
// not say. 0: it is not to be kept. Private says that the cache's key holds whose answer it is, so that one for a single user
// may be kept too.
func Freshness(h http.Header, now time.Time, dflt time.Duration, private bool) time.Duration {
	if h.Get("Vary") == "*" {
		return 0
	}
	said := h.Values("Cache-Control")
	d, err := cacheobject.ParseResponseCacheControl(strings.Join(said, ", "))
	if err != nil {
		return 0 // what cannot be read may have said no
	}
	if d.NoStore || d.NoCachePresent || d.PrivatePresent && !private {
		return 0
	}
	age := seconds(h.Get("Age"))
	switch {
	case d.SMaxAge >= 0 && !private:
		return max(0, time.Duration(d.SMaxAge)*time.Second-age)
	case d.MaxAge >= 0:
		return max(0, time.Duration(d.MaxAge)*time.Second-age)
	case h.Get("Expires") != "":
		expires, err := http.ParseTime(h.Get("Expires"))
		if err != nil {
			return 0 // "0" and other nonsense mean: in the past
		}
		date, err := http.ParseTime(h.Get("Date"))
		if err != nil {
			date = now
		}
		return max(0, expires.Sub(date)-age)
	case h.Get("Pragma") == "no-cache" && len(said) == 0:
		return 0
	}
	return dflt
}

func seconds(s string) time.Duration {
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil || n < 0 {
		return 0
	}
	return time.Duration(n) * time.Second
}
