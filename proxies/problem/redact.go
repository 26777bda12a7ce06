package problem

import (
	"regexp"
	"strings"
	"unicode"
)

const hidden = "[redacted]"

// What credentials look like in a text that somebody else wrote. Too much redacted does no harm.
var (
	// A header that a debugging page echoes, as a line, a JSON member or a row of a table.
	credentialHeader = regexp.MustCompile(`(?i)\b((?:proxy-|http_|x-forwarded-)?authorization|(?:set-|http_)?cookie2?|x-api-key|x-auth-token|x-csrf-token)` +
		`(\\?["']?(?:\]|\s)*(?:=>|[:=])\s*)(\\"(?:[^"\\]|\\[^"])*(?:\\")?|"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\n]*)`)
	// The same without its name.
	credentialScheme = regexp.MustCompile(`(?i)\b(basic|bearer|negotiate|ntlm|token)\s+([a-z0-9+/=._~-]{6,})`)
	// A value that its name gives away: in a query, a form, JSON, a configuration dump.
	credentialValue = regexp.MustCompile(`(?i)([a-z0-9_.-]*(?:password|passwd|passwort|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?|session[_-]?id|sessid|jsessionid)[a-z0-9_.-]*)` +
		`(\\?["']?(?:\]|\s)*(?:=>|[:=]|%3d)\s*)(\\"(?:[^"\\]|\\[^"])*(?:\\")?|"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s&;,"'<>]+)`)
	// The user part of a URL. A password may hold a slash where nobody escaped it.
	userinfo    = regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*:(?:\\?/){2})(?:[^\s/?#"'<>]*|[^\s/:@"'<>]*:[^\s@"'<>]*)@`)
	userinfoEnd = regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*:(?:\\?/){2})[^\s@"'<>]*\z`)
	webToken    = regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,4}`)
	privateKey  = regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*-----|\z)`)
)

// redacted hides credentials. cut says that text goes on after its end.
func redacted(text string, cut bool) string {
	text = privateKey.ReplaceAllString(text, hidden)
	text = userinfo.ReplaceAllString(text, "${1}"+hidden+"@")
	if cut {
		text = userinfoEnd.ReplaceAllString(text, "${1}")
	}
	text = credentialHeader.ReplaceAllString(text, "${1}${2}"+hidden)
	text = credentialValue.ReplaceAllString(text, "${1}${2}"+hidden)
	text = credentialScheme.ReplaceAllStringFunc(text, func(found string) string {
		at := strings.IndexFunc(found, unicode.IsSpace)
		if value := strings.TrimSpace(found[at:]); !wordLike(value) {
			return found[:at] + " " + hidden
		}
		return found
	})
	return webToken.ReplaceAllString(text, hidden)
}

// wordLike tells "Basic authentication" and "Bearer Token" from credentials.
func wordLike(s string) bool {
	for i, r := range s {
		if unicode.IsDigit(r) || (i > 0 && unicode.IsUpper(r)) || strings.ContainsRune("+/=_~", r) {
			return false
		}
	}
	return true
}

// traces is where a stack trace begins: at the start of a line, which inside JSON may be written \n.
var traces = regexp.MustCompile(`(?:^|\n|\\n)(?:[ \t]|\\t)*(?:` +
	`at (?:async |new )?[^\s(]+(?: \[[^\]\n]*\])? ?\(` + // Java, JavaScript, .NET
	`|Traceback \(most recent call last\)` + // Python
	`|goroutine \d+ (?:gp=\S+ )?(?:m=\S+ )?\[` + // Go
	`|#\d+ +(?:\{main\}|[^\s(]+\(\d+\))` + // PHP
	`|from \S+:\d+:in ` + // Ruby
	`)|(?i:stack ?trace:)|Traceback \(most recent call last\)|goroutine \d+ \[running|\bat [\w.$<>/]+\([\w$]+\.(?:java|kt|scala|groovy):\d+\)`)

// untraced cuts text where a stack trace begins: nothing after it is for the caller.
func untraced(text string) string {
	if at := traces.FindStringIndex(text); at != nil {
		return text[:at[0]]
	}
	return text
}
