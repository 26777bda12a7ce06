package login

import (
	"slices"
	"strings"
	"unicode"
)

// plain gives the letters and digits of a name in lower case: "user[Login-Id]" is "userloginid".
func plain(s string) string {
	s = s[:min(len(s), maxText)]
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// words gives the words of a text in lower case; capitals begin one too.
func words(s string) []string {
	s = s[:min(len(s), maxText)]
	var b strings.Builder
	lower := false
	for _, r := range s {
		if unicode.IsUpper(r) && lower {
			b.WriteByte(' ')
		}
		lower = unicode.IsLower(r)
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			r = ' '
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return strings.Fields(b.String())
}

func anyWord(have []string, known ...string) bool {
	return slices.ContainsFunc(have, func(w string) bool { return slices.Contains(known, w) })
}

func anyPart(s string, known ...string) bool {
	return slices.ContainsFunc(known, func(part string) bool { return strings.Contains(s, part) })
}

// passwordName says that a field is for a password by its name.
func passwordName(f *field) bool {
	return anyPart(plain(f.name), "password", "passwd", "passwort", "kennwort", "passphrase", "motdepasse", "contrasena", "heslo") ||
		anyWord(words(f.name), "pass", "pwd", "pw", "pswd", "psw") || anyPart(plain(f.id), "password", "passwd")
}

// userName says that a field is for a user name by its name.
func userName(f *field) bool {
	return anyPart(plain(f.name), "username", "userid", "loginid", "loginname", "benutzer", "identifier", "emailaddress", "utilisateur", "usuario") ||
		anyWord(words(f.name), "user", "login", "email", "mail", "account", "uid", "uname", "usr", "userid", "name", "identity", "principal")
}

// searchName says that a field is for searching.
func searchName(f *field) bool {
	return anyWord(words(f.name), "q", "search", "query", "s", "find", "keyword", "keywords", "suche") || anyPart(strings.ToLower(f.hint), "search", "suche")
}

// certainty is how sure a name is.
type certainty int

const (
	no certainty = iota
	perhaps
	certainly
)

// code says whether a field is for the code of a second factor.
func (f *field) code() certainty {
	if !f.visible() {
		return no
	}
	if strings.HasSuffix(f.autocomplete, "one-time-code") {
		return certainly
	}
	for _, name := range []string{f.name, f.id} {
		if anyPart(plain(name), "totp", "onetime", "twofactor", "2fa", "secondfactor", "verificationcode", "authcode", "securitycode", "smscode", "otpcode", "mfacode", "authenticator", "recoverycode") ||
			anyWord(words(name), "otp", "hotp", "mfa", "tfa", "2fa") {
			return certainly
		}
	}
	if anyWord(words(f.name), "code", "pin", "token", "tan", "passcode") || anyPart(plain(f.name), "passcode") {
		return perhaps
	}
	return no
}

// answerName says that a hidden field carries the answer of a login on to who asked for it: OAuth 2.0 Form Post Response
// Mode, SAML 2.0 HTTP POST binding, WS-Federation, CAS.
func answerName(name string) bool {
	switch name {
	case "code", "id_token", "access_token", "response", "SAMLResponse", "SAMLRequest", "wresult", "error", "logoutRequest":
		return true
	}
	return false
}

// meaning is what a button of a page without anything to type means.
type meaning int

const (
	unknown meaning = iota
	approves
	refuses
)

// verdict says what a button means, by its own words and by what its form sends with it.
func verdict(f *form, b *button) meaning {
	have := words(b.name + " " + b.text)
	have = append(have, words(b.value)...)
	if len(f.buttons) == 1 {
		for _, o := range f.fields {
			if o.sent && len(o.value) <= maxText && decisionName(o.name) {
				have = append(have, words(o.value)...)
			}
		}
	}
	switch {
	case anyWord(have, "deny", "denied", "reject", "rejected", "refuse", "refused", "decline", "declined", "cancel", "abort", "no", "not", "disallow", "disapprove", "back",
		"don", "never", "false", "logout", "out", "ablehnen", "abbrechen", "nein", "verweigern", "refuser", "annuler", "non", "cancelar", "rechazar"):
		return refuses
	case b.value == "0":
		return refuses
	case anyWord(have, "approve", "approved", "allow", "allowed", "accept", "accepted", "grant", "granted", "authorize", "authorise", "authorized", "consent", "agree", "yes", "permit",
		"zustimmen", "erlauben", "ja", "akzeptieren", "zulassen", "autoriser", "accepter", "oui", "aceptar", "permitir", "autorizar"):
		return approves
	}
	return unknown
}

// decisionName says that a hidden field is what a form decides.
func decisionName(name string) bool {
	return anyWord(words(name), "approval", "approve", "consent", "decision", "action", "answer", "allow", "accept", "authorize", "grant", "verdict", "choice", "result", "deny", "reject")
}

// elsewhere says that a button of a login form does not log in.
func elsewhere(b *button) bool {
	have := words(b.name + " " + b.text + " " + b.value)
	return anyWord(have, "cancel", "back", "reset", "forgot", "forgotten", "register", "signup", "create", "show", "hide", "toggle", "search", "abbrechen", "zurück", "registrieren", "vergessen", "annuler")
}
