package try

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/reply"
)

// redactor replaces secrets by ***, in all their spellings.
func redactor(secrets []string) *strings.Replacer {
	all := spellings(secrets)
	pairs := make([]string, 0, 2*len(all))
	for _, s := range all {
		pairs = append(pairs, s, "***")
	}
	return strings.NewReplacer(pairs...)
}

// mask gives a copy of body with a * for each byte of a secret, so that offsets stay.
func mask(body []byte, secrets []string) []byte {
	out := bytes.Clone(body)
	for _, s := range spellings(secrets) {
		out = bytes.ReplaceAll(out, []byte(s), bytes.Repeat([]byte("*"), len(s)))
	}
	return out
}

// spellings gives secrets as they are and as they stand in a URL, in JSON and in Base64, the longest first.
func spellings(secrets []string) []string {
	var all []string
	for _, s := range secrets {
		if s == "" {
			continue
		}
		if quoted, err := json.Marshal(s); err == nil {
			all = append(all, string(quoted[1:len(quoted)-1]))
		}
		if quoted, err := reply.Marshal(s); err == nil { // & and < as they are
			all = append(all, string(quoted[1:len(quoted)-1]))
		}
		all = append(all, s, url.QueryEscape(s), url.PathEscape(s), strings.ReplaceAll(url.QueryEscape(s), "+", "%20"),
			base64.StdEncoding.EncodeToString([]byte(s)))
	}
	slices.SortFunc(all, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	return slices.Compact(all)
}
