package wrap

import "strings"

// nextLink gives the URL of the first link with the relation next (RFC 8288), "" if there is none.
func nextLink(values []string) string {
	for _, v := range values {
		for rest := v; ; {
			_, after, ok := strings.Cut(rest, "<")
			if !ok {
				break
			}
			target, params, ok := strings.Cut(after, ">")
			if !ok {
				break
			}
			var relation string
			relation, rest = linkRelation(params)
			for word := range strings.FieldsSeq(relation) {
				if strings.EqualFold(word, "next") {
					return strings.TrimSpace(target)
				}
			}
		}
	}
	return ""
}

// linkRelation reads the parameters of a link up to the comma behind it, and gives the first that is called rel.
func linkRelation(params string) (relation, rest string) {
	found := false
	for {
		params = strings.TrimLeft(params, " \t;")
		if params == "" || params[0] == ',' {
			return relation, params
		}
		end := strings.IndexAny(params, "=;,")
		if end < 0 || params[end] != '=' {
			params = params[max(end, 0):]
			if end < 0 {
				return relation, ""
			}
			continue
		}
		name := strings.TrimSpace(params[:end])
		var value string
		value, params = linkValue(strings.TrimLeft(params[end+1:], " \t"))
		if !found && strings.EqualFold(name, "rel") {
			relation, found = value, true
		}
	}
}

// linkValue reads a token or a quoted string.
func linkValue(s string) (value, rest string) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexAny(s, ";,")
		if end < 0 {
			end = len(s)
		}
		return strings.TrimSpace(s[:end]), s[end:]
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case s[i] == '"':
			return b.String(), s[i+1:]
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), ""
}
