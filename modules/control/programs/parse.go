package programs

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/fairway-gateway/fairway/queries"
)

// Header is where programs of Trends.Earth say what they are.
const Header = "X-Te-Client"

const (
	// mostHeader is how long a header is looked at, in bytes.
	mostHeader = 512
	// mostText is how long a value is that is kept, in characters; mostExtra how many there are of those that are not known.
	mostText, mostExtra = 50, 10
)

// Parse reads what a program says of itself: X-TE-Client, or where that says nothing User-Agent. False: neither says anything.
func Parse(header, agent string) (queries.UserClient, bool) {
	if c, ok := parseHeader(header); ok {
		return c, true
	}
	return parseAgent(agent)
}

// parseHeader reads "type=qgis_plugin; version=2.2.4; qgis_version=3.34.0; os=Windows; lang=en".
func parseHeader(header string) (queries.UserClient, bool) {
	var c queries.UserClient
	extra := map[string]string{}
	for part := range strings.SplitSeq(header, ";") {
		name, value, ok := strings.Cut(part, "=")
		if name = clean(name); !ok || name == "" {
			continue
		}
		switch value = clean(value); name {
		case "type":
			c.Type = value
		case "version":
			c.Version = value
		case "os":
			c.OS = value
		case "qgis_version":
			c.QGIS = value
		case "lang":
			c.Language = value
		default:
			if len(extra) < mostExtra {
				extra[name] = value
			}
		}
	}
	if len(extra) > 0 {
		c.Extra, _ = json.Marshal(extra) // texts
	}
	return c, isWord(c.Type)
}

// isWord says that a text is the name of a kind of program.
func isWord(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' || r == '.')
	})
}

// parseAgent reads the first product of "python-requests/2.31.0", or of a browser's, which all begin with Mozilla/5.0, that by which
// it is told from others.
func parseAgent(agent string) (queries.UserClient, bool) {
	if !utf8.ValidString(agent) {
		return queries.UserClient{}, false
	}
	product, _, _ := strings.Cut(strings.TrimSpace(agent), " ")
	if strings.HasPrefix(product, "Mozilla/") {
		for _, name := range []string{"QGIS/", "Edg/", "OPR/", "Firefox/", "Chrome/", "Safari/"} {
			if at := strings.Index(agent, name); at >= 0 {
				product, _, _ = strings.Cut(agent[at:], " ")
				break
			}
		}
	}
	name, version, _ := strings.Cut(product, "/")
	c := queries.UserClient{Type: strings.ToLower(clean(name)), Version: clean(version), OS: system(agent)}
	return c, isWord(c.Type)
}

// system is the operating system that a User-Agent names, "": none.
func system(agent string) string {
	for _, one := range [][2]string{{"Windows", "Windows"}, {"Android", "Android"}, {"iPhone", "iOS"}, {"iPad", "iOS"}, {"Mac OS X", "macOS"}, {"Macintosh", "macOS"}, {"Linux", "Linux"}} {
		if strings.Contains(agent, one[0]) {
			return one[1]
		}
	}
	return ""
}

// clean gives text that is fit to be kept and shown: printable, and not too long.
func clean(text string) string {
	text = strings.TrimSpace(text)
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return ""
	}
	if runes := []rune(text); len(runes) > mostText {
		return strings.TrimSpace(string(runes[:mostText]))
	}
	return text
}
