package auth

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/modules/fairway"
	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// Account are the credentials of a service account, which log in instead of each caller's own.
type Account struct {
	// User is text or {env.X}, {file./path}. Required.
	User string `json:"user"`
	// Password is {env.X} or {file./path}. Required.
	Password string `json:"password"`
}

// Check refuses half an account, and a password that would stand in the configuration for everybody to read.
func (a *Account) Check() error {
	switch {
	case a == nil:
		return nil
	case a.User == "" || a.Password == "":
		return errors.New("account needs a user and a password: account {env.BACKEND_USER} {env.BACKEND_PASSWORD}")
	}
	return hidden("password", a.Password)
}

// resolve gives the credentials; nil: each caller's own.
func (a *Account) resolve() (*session.Credentials, error) {
	if a == nil {
		return nil, nil
	}
	var c session.Credentials
	var err error
	if c.User, err = fairway.Resolve(a.User); err != nil {
		return nil, fmt.Errorf("account: user %w", err)
	}
	if c.Password, err = fairway.Resolve(a.Password); err != nil {
		return nil, fmt.Errorf("account: password %w", err)
	}
	return &c, nil
}

// accountWord reads: account <user> <password>.
func accountWord(to **Account) caddyfiles.Word {
	return caddyfiles.Word{Parse: func(n caddyfiles.Node) error {
		if len(n.Args) != 2 || n.HasBlock {
			return n.Errorf("account takes a user and a password: account {env.BACKEND_USER} {env.BACKEND_PASSWORD}")
		}
		*to = &Account{User: n.Args[0].Text, Password: n.Args[1].Text}
		return nil
	}}
}

// Field is a field of a login form with its value.
type Field struct {
	// Name of the field. Required.
	Name string `json:"name"`
	// Value is text or {env.X}, {file./path}.
	Value string `json:"value"`
}

// fieldsWord reads: extra_fields { <name> <value> }.
func fieldsWord(to *[]Field) caddyfiles.Word {
	return caddyfiles.Word{Parse: func(n caddyfiles.Node) error {
		if len(n.Args) > 0 || len(n.Block) == 0 {
			return n.Errorf("extra_fields takes a block of names and values: extra_fields { tenant \"Europe\" }")
		}
		for _, line := range n.Block {
			value, err := line.One(line.Word.Text + " \"a value\"")
			if err != nil {
				return err
			}
			if slices.ContainsFunc(*to, func(f Field) bool { return f.Name == line.Word.Text }) {
				return line.Errorf("the field %s is there twice", line.Word.Text)
			}
			*to = append(*to, Field{Name: line.Word.Text, Value: value.Text})
		}
		return nil
	}}
}

// listWord reads a word with at least one argument.
func listWord(usage string, to *[]string) caddyfiles.Word {
	return caddyfiles.Word{Parse: func(n caddyfiles.Node) error {
		if len(n.Args) == 0 || n.HasBlock {
			return n.Errorf("%s takes one or more; write: %s", n.Word.Text, usage)
		}
		for _, t := range n.Args {
			if slices.Contains(*to, t.Text) {
				return caddyfiles.Errorf(t, "%s is there twice in %s", t.Text, n.Word.Text)
			}
			*to = append(*to, t.Text)
		}
		return nil
	}}
}

// textWord reads a word with one argument.
func textWord(usage string, to *string) caddyfiles.Word {
	return caddyfiles.Word{Parse: func(n caddyfiles.Node) error {
		t, err := n.One(usage)
		if err == nil && t.Text == "" {
			err = n.Errorf("%s is empty; write: %s", n.Word.Text, usage)
		}
		*to = t.Text
		return err
	}}
}

// durationWord reads a word with a duration.
func durationWord(usage string, to *wrap.Duration) caddyfiles.Word {
	return caddyfiles.Word{Parse: func(n caddyfiles.Node) error {
		t, err := n.One(usage)
		if err != nil {
			return err
		}
		if *to, err = wrap.ParseDuration(t.Text); err != nil {
			return caddyfiles.Errorf(t, "%w", err)
		}
		return nil
	}}
}

// resolveAll resolves the placeholders of a list.
func resolveAll(what string, texts []string) ([]string, error) {
	out := make([]string, 0, len(texts))
	for _, text := range texts {
		v, err := fairway.Resolve(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		out = append(out, v)
	}
	return out, nil
}

// unresolved says that a text is known only when it is resolved.
func unresolved(text string) bool { return strings.Contains(text, "{") }
