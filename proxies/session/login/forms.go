package login

import "strings"

// loginForm is a form that asks for a user name and a password.
type loginForm struct {
	*form
	user, password *field
	captcha        bool
}

// login gives the form of a page that asks for the credentials, or nil. Of several it is the first that also asks for a user
// name. A form that asks for two passwords makes a new user or a new password, and is none.
func (p *page) login(c *Config) *loginForm {
	var second *loginForm
	for _, f := range p.forms {
		l := f.login(c)
		if l == nil {
			continue
		}
		if l.user != nil {
			return l
		}
		if second == nil {
			second = l
		}
	}
	return second
}

func (f *form) login(c *Config) *loginForm {
	l := &loginForm{form: f}
	if c.PasswordField != "" {
		l.password = f.named(c.PasswordField)
	} else {
		l.password = f.passwordField(c)
	}
	if l.password == nil {
		return nil
	}
	if c.UsernameField != "" {
		l.user = f.named(c.UsernameField)
	} else {
		l.user = f.userField(l.password)
	}
	for _, o := range f.fields {
		l.captcha = l.captcha || o.visible() && o != l.user && o != l.password && strings.Contains(plain(o.name), "captcha")
	}
	return l
}

func (f *form) named(name string) *field {
	for _, o := range f.fields {
		if o.name == name && o.typed(true) {
			return o
		}
	}
	return nil
}

// passwordField gives the only password of a form. Where a code is asked for in a password's place, that is one beside a user
// name, and a second factor else.
func (f *form) passwordField(c *Config) *field {
	var found, doubtful []*field
	for _, o := range f.fields {
		switch {
		case o.kind != "password" || o.name == "":
		case o.code() == certainly, o.autocomplete == "new-password":
			return nil
		case o.code() == perhaps:
			doubtful = append(doubtful, o)
		default:
			found = append(found, o)
		}
	}
	if len(found) == 0 && len(doubtful) == 1 && (f.userField(doubtful[0]) != nil || c.UsernameField != "" && f.named(c.UsernameField) != nil) {
		return doubtful[0]
	}
	if len(found) == 0 && len(doubtful) == 0 {
		for _, o := range f.fields {
			if o.name != "" && o.visible() && passwordName(o) && o.code() == no {
				found = append(found, o)
			}
		}
	}
	if len(found) != 1 {
		return nil
	}
	return found[0]
}

// userField gives the field for the user name beside a password: what says that it is one, else the last field before.
func (f *form) userField(password *field) *field {
	var best *field
	score := 0
	for _, o := range f.fields {
		if o == password {
			if score < 2 {
				score = 2 // what comes later must say that it is one
			}
			continue
		}
		if !o.visible() || o.name == "" || o.kind == "password" || o.code() != no {
			continue
		}
		s := 1
		switch {
		case o.autocomplete == "username" || strings.HasSuffix(o.autocomplete, " username"):
			s = 5
		case userName(o):
			s = 4
		case o.kind == "email" || o.autocomplete == "email":
			s = 3
		case o.kind == "search" || searchName(o) || strings.Contains(plain(o.name), "captcha"):
			continue
		}
		if s > score || s == score && s < 3 {
			best, score = o, s
		}
	}
	return best
}

// asksForUser says that a page asks for a user name alone, as the first of two.
func (p *page) asksForUser() bool {
	for _, f := range p.forms {
		for _, o := range f.fields {
			if o.visible() && o.kind != "search" && !searchName(o) &&
				(o.kind == "email" || strings.HasSuffix(o.autocomplete, "username") || o.autocomplete == "email" || userName(o)) {
				return true
			}
		}
	}
	return false
}

// asksForCode says that a page asks for a second factor. Some names of fields mean something else in the pages of an
// application; strict asks for those that cannot.
func (p *page) asksForCode(strict bool) bool {
	for _, f := range p.forms {
		if f.method != "post" {
			continue
		}
		typed, codes, certain := 0, 0, false
		for _, o := range f.fields {
			if !o.visible() {
				continue
			}
			typed++
			switch o.code() {
			case certainly:
				codes, certain = codes+1, true
			case perhaps:
				codes++
			case no:
			}
		}
		if certain || codes > 0 && codes == typed && !strict {
			return true
		}
	}
	return false
}

// asksForNewPassword says that a page has a form with several passwords.
func (p *page) asksForNewPassword() bool {
	for _, f := range p.forms {
		n := 0
		for _, o := range f.fields {
			if o.kind == "password" {
				n++
			}
			if o.autocomplete == "new-password" {
				return true
			}
		}
		if n > 1 {
			return true
		}
	}
	return false
}

// posted gives the form of a page that a script would submit at once to carry an answer on: nothing is typed into it.
func (p *page) posted() *form {
	if len(p.forms) != 1 {
		return nil
	}
	f := p.forms[0]
	hidden, answer := 0, false
	for _, o := range f.fields {
		if o.kind != "hidden" {
			return nil
		}
		hidden++
		answer = answer || answerName(o.name)
	}
	shown := 0
	for _, b := range f.buttons {
		if !b.fallback {
			shown++
		}
	}
	if hidden == 0 || !p.submits && (!answer || shown > 1) {
		return nil
	}
	// A page with buttons to choose from waits for a choice.
	if shown > 1 || shown == 1 && verdict(f, f.buttons[0]) != unknown {
		return nil
	}
	return f
}

// choice is a button of a form that nothing has to be typed into.
type choice struct {
	form   *form
	button *button
}

// approvals gives the buttons that approve what a page asks for, and says whether there are any others.
func (p *page) approvals() (approve []choice, others bool) {
	for _, f := range p.forms {
		if f.typed() {
			others = true
			continue
		}
		buttons := f.buttons
		if len(buttons) == 0 {
			continue
		}
		for _, b := range buttons {
			if verdict(f, b) == approves {
				approve = append(approve, choice{f, b})
			} else {
				others = true
			}
		}
	}
	return approve, others
}

// typed says that a form has a field that is typed into.
func (f *form) typed() bool {
	for _, o := range f.fields {
		if o.visible() {
			return true
		}
	}
	return false
}

// defaultButton gives the button that logs in: the first with a name that does not say that it does something else.
func (f *form) defaultButton() *button {
	var unnamed *button
	for _, b := range f.buttons {
		switch {
		case elsewhere(b):
		case b.name != "":
			return b
		case unnamed == nil:
			unnamed = b
		}
	}
	return unnamed
}

// visible says that somebody can type into a field.
func (f *field) visible() bool { return f.typed(false) }

func (f *field) typed(hidden bool) bool {
	switch f.kind {
	case "hidden":
		return hidden
	case "select":
		return hidden
	case "checkbox", "radio", "reset", "button", "file", "color", "range", "date", "time", "month", "week", "datetime-local":
		return false
	}
	return true
}
