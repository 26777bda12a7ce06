package mail

import (
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

const (
	// mostAddress and mostLocal are how many bytes an address may have, and its part before the @ (RFC 5321).
	mostAddress = 254
	mostLocal   = 64
)

// CheckAddress gives an address as it is written into an envelope: local@domain and nothing else, the domain in ASCII. A domain
// without a dot is allowed, a quoted local part and an IP address as a domain are not.
func CheckAddress(s string) (string, error) {
	refused := func(why string) (string, error) {
		return "", fmt.Errorf("%s is no address of mail: %s", shown(s), why)
	}
	if len(s) > mostAddress {
		return "", fmt.Errorf("an address of mail has at most %d bytes", mostAddress)
	}
	if !utf8.ValidString(s) || hasControl(s) || strings.ContainsAny(s, " <>\"(),:;[]\\") {
		return refused("it has characters that none has")
	}
	parsed, err := mail.ParseAddress(s)
	if err != nil || parsed.Address != s || parsed.Name != "" {
		return refused("write name@example.org")
	}
	at := strings.LastIndexByte(s, '@')
	name, domain := s[:at], s[at+1:]
	if len(name) > mostLocal {
		return refused(fmt.Sprintf("what is before the @ has at most %d bytes", mostLocal))
	}
	ascii, err := idna.Lookup.ToASCII(domain)
	if err != nil || ascii == "" || !hostname(ascii) {
		return refused("there is no such domain")
	}
	return name + "@" + ascii, nil
}

// hostname says that labels are of letters, digits and hyphens.
func hostname(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' {
				return false
			}
		}
	}
	return true
}

// hasControl says that a text has characters that end a line, or that nobody sees: they have no place in a header.
func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
	})
}

// ascii says that a text has nothing else.
func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

// mostSubject is how many characters a subject may have.
const mostSubject = 255

// checkSubject refuses what is no single line.
func checkSubject(s string) error {
	switch {
	case strings.TrimSpace(s) == "":
		return errors.New("mail needs a subject")
	case !utf8.ValidString(s) || hasControl(s):
		return errors.New("a subject is one line without control characters")
	case utf8.RuneCountInString(s) > mostSubject:
		return fmt.Errorf("a subject has at most %d characters", mostSubject)
	}
	return nil
}

// shown is what an error may show of a text.
func shown(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return fmt.Sprintf("%q", s)
}
