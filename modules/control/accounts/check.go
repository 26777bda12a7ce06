package accounts

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/fairway-gateway/fairway/modules/control/mail"
)

// Limits of text, in characters.
const (
	mostText    = 256
	mostProfile = 1000
)

// check trims what a new user has, completes the names, and says what cannot be.
func (n *NewUser) check() error {
	for _, f := range []struct {
		name string
		at   *string
	}{
		{"email", &n.Email},
		{"username", &n.Username},
		{"name", &n.Name},
		{"first_name", &n.FirstName},
		{"middle_name", &n.MiddleName},
		{"last_name", &n.LastName},
		{"country", &n.Country},
		{"institution", &n.Institution},
	} {
		*f.at = strings.TrimSpace(*f.at)
		if err := checkText(f.name, *f.at, mostText); err != nil {
			return err
		}
	}
	if err := checkAddress(n.Email); err != nil {
		return err
	}
	if strings.ContainsAny(n.Username, "@:") {
		// With an @ somebody could call himself by the address of another; Basic ends a user's name at a colon.
		return &InvalidError{Field: "username", Message: "A username has neither @ nor :"}
	}
	for name, value := range n.Profile {
		if text, ok := value.(string); ok {
			if err := CheckProfile(name, text); err != nil {
				return err
			}
		}
	}
	n.completeName()
	if n.Name == "" {
		return &InvalidError{Field: "name", Message: "Name is required"}
	}
	return nil
}

// completeName makes the parts of the name, or the name of its parts, as Trends.Earth does.
func (n *NewUser) completeName() {
	if n.Name == "" {
		n.Name = strings.Join(strings.Fields(n.FirstName+" "+n.MiddleName+" "+n.LastName), " ")
		return
	}
	// Houston's users have a name to log in with, and maybe no other.
	if n.FirstName == "" && n.MiddleName == "" && n.LastName == "" && n.Name != n.Username {
		n.FirstName, n.LastName = splitName(n.Name)
	}
}

// splitName gives the first word of a name, and the rest.
func splitName(name string) (first, last string) {
	words := strings.Fields(name)
	if len(words) == 0 {
		return "", ""
	}
	return words[0], strings.Join(words[1:], " ")
}

// checkText refuses what is too long, and what is no line of text: it is shown in mail, logs and terminals.
func checkText(field, text string, most int) error {
	switch {
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unprintable):
		return &InvalidError{Field: field, Message: "The field " + field + " has characters that no text has"}
	case utf8.RuneCountInString(text) > most:
		return &InvalidError{Field: field, Message: "The field " + field + " is too long"}
	}
	return nil
}

// unprintable characters end lines, hide, or turn the direction of what follows.
func unprintable(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}

// checkAddress refuses what no mail can be sent to.
func checkAddress(address string) error {
	if address == "" {
		return &InvalidError{Field: "email", Message: "Email is required"}
	}
	if _, err := mail.CheckAddress(address); err != nil {
		return &InvalidError{Field: "email", Message: "Email not valid"}
	}
	return nil
}
