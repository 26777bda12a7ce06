package decode

import (
	"strings"

	"github.com/fairway-gateway/fairway/proxies/decode/internal/ascii"
)

// ContentType splits a Content-Type header into the media type in lower case and the charset parameter as it was
// written, without quotes. It makes the best of headers that break the rules; what it cannot read is empty.
// The charset parameter that comes first counts.
//
//	text/HTML; charset="ISO-8859-1"  ->  "text/html", "ISO-8859-1"
func ContentType(header string) (mediaType, charset string) {
	first, rest := nextParam(header)
	if strings.IndexByte(first, '/') > 0 {
		mediaType = strings.ToLower(first)
	} else if cs, ok := charsetParam(first); ok {
		return "", cs
	}
	for rest != "" {
		var param string
		param, rest = nextParam(rest)
		if cs, ok := charsetParam(param); ok {
			return mediaType, cs
		}
	}
	return mediaType, ""
}

// nextParam cuts at the first semicolon, or comma of a header sent twice, that is not quoted.
func nextParam(s string) (param, rest string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case (c == ';' || c == ',') && !quoted:
			return strings.Trim(s[:i], ascii.Space), s[i+1:]
		}
	}
	return strings.Trim(s, ascii.Space), ""
}

func charsetParam(param string) (value string, ok bool) {
	const name = "charset"
	if len(param) <= len(name) || !strings.EqualFold(param[:len(name)], name) {
		return "", false
	}
	value = strings.Trim(param[len(name):], ascii.Space)
	if value == "" || value[0] != '=' {
		return "", false
	}
	value = strings.Trim(value[1:], ascii.Space+`"'`)
	return value, value != ""
}
