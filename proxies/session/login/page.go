package login

import (
	"bytes"
	"errors"
	"strings"

	"golang.org/x/net/html"
)

// Bounds on what is kept of a page.
const (
	maxForms  = 64
	maxFields = 1024 // with buttons and options, of all forms together
	maxText   = 200  // bytes of a button's text
)

// errCrowded says that a page has more than a login form would.
var errCrowded = errors.New("the page has too many forms or fields")

// page is what of a page matters to who logs in.
type page struct {
	base    string // href of the element base
	forms   []*form
	refresh *refresh
	scripts int
	submits bool   // a script submits a form by itself
	loose   bool   // there are fields outside of forms, for a script
	charset string // that forms are sent in
}

// form is a form with what it would send.
type form struct {
	id      string
	action  string
	method  string // in lower case; "get" where none is said
	enctype string
	accept  string // charset
	fields  []*field
	buttons []*button
}

// field is a field of a form but for its buttons.
type field struct {
	kind         string // of an input: "text", "hidden", ...; or "select" or "textarea"
	name, id     string
	value        string
	autocomplete string
	hint         string // placeholder and label for those who cannot see
	sent         bool   // a browser would send it: a box that is not checked is not
	owner        string // id of the form that it says it belongs to
	chosen       bool   // of a select: a selected option has come
}

// button is a button that submits its form.
type button struct {
	name, value, text       string
	action, method, enctype string // "": the form's
	image                   bool
	fallback                bool // for browsers without scripts
	owner                   string
}

// reader reads a page token by token. What HTML parsers do about wrong nesting does not matter to a form: it has the fields
// between its tags, wherever these stand.
type reader struct {
	page     *page
	z        *html.Tokenizer
	form     *form // open
	button   *button
	sel      *field
	area     *field
	option   *option
	disabled []bool // fieldsets
	template int    // depth
	noscript int
	script   bool
	count    int

	looseFields  []*field
	looseButtons []*button
}

type option struct {
	value            string
	hasValue, chosen bool
	text             strings.Builder
}

// readPage reads a page in UTF-8. charset is what it was in.
func readPage(text []byte, charset string) (*page, error) {
	r := &reader{page: &page{charset: charset}, z: html.NewTokenizer(bytes.NewReader(text))}
	for {
		switch r.z.Next() {
		case html.ErrorToken: // the end, since it reads from memory
			r.closeOption()
			r.adopt()
			return r.page, nil
		case html.StartTagToken, html.SelfClosingTagToken:
			name, more := r.z.TagName()
			if err := r.start(string(name), more); err != nil {
				return nil, err
			}
		case html.EndTagToken:
			name, _ := r.z.TagName()
			r.end(string(name))
		case html.TextToken:
			r.text()
		}
	}
}

// adopt gives fields that name their form to it.
func (r *reader) adopt() {
	byID := make(map[string]*form)
	for _, f := range r.page.forms {
		if _, twice := byID[f.id]; f.id != "" && !twice {
			byID[f.id] = f
		}
	}
	for _, f := range r.looseFields {
		if to := byID[f.owner]; to != nil && f.owner != "" {
			to.fields = append(to.fields, f)
		} else if f.kind != "hidden" {
			r.page.loose = true
		}
	}
	for _, b := range r.looseButtons {
		if to := byID[b.owner]; to != nil && b.owner != "" {
			to.buttons = append(to.buttons, b)
		}
	}
}

func (r *reader) start(name string, more bool) error {
	if name == "template" {
		r.template++
		return nil
	}
	if r.template > 0 {
		return nil
	}
	switch name {
	case "noscript":
		r.z.NextIsNotRawText()
		r.noscript++
		return nil
	case "script":
		r.script = true
		r.page.scripts++
		return nil
	case "base", "meta", "body", "form", "input", "button", "select", "option", "textarea", "fieldset":
	default:
		return nil
	}
	a := r.attributes(more)
	switch name {
	case "base":
		if href, ok := a["href"]; ok && r.page.base == "" {
			r.page.base = href
		}
	case "meta":
		if strings.EqualFold(a["http-equiv"], "refresh") && r.page.refresh == nil {
			r.page.refresh = parseRefresh(a["content"])
		}
	case "body":
		if submitsForm(a["onload"]) {
			r.page.submits = true
		}
	case "fieldset":
		_, disabled := a["disabled"]
		if len(r.disabled) < maxFields {
			r.disabled = append(r.disabled, disabled)
		}
	case "form":
		return r.startForm(a)
	case "option":
		r.closeOption()
		if r.sel == nil {
			return nil
		}
		_, chosen := a["selected"]
		value, has := a["value"]
		r.option = &option{value: value, hasValue: has, chosen: chosen}
		return r.room()
	default:
		return r.startField(name, a)
	}
	return nil
}

func (r *reader) room() error {
	if r.count++; r.count > maxFields {
		return errCrowded
	}
	return nil
}

func (r *reader) startForm(a map[string]string) error {
	if r.form != nil {
		return nil // a form in a form is none
	}
	if len(r.page.forms) == maxForms {
		return errCrowded
	}
	r.form = &form{id: a["id"], action: a["action"], method: strings.ToLower(a["method"]), enctype: strings.ToLower(a["enctype"]), accept: a["accept-charset"]}
	if r.form.method != "post" && r.form.method != "dialog" {
		r.form.method = "get"
	}
	r.page.forms = append(r.page.forms, r.form)
	return nil
}

func (r *reader) startField(name string, a map[string]string) error {
	if err := r.room(); err != nil {
		return err
	}
	_, disabled := a["disabled"]
	for _, d := range r.disabled {
		disabled = disabled || d
	}
	kind := strings.ToLower(a["type"])
	if name == "input" && kind == "" {
		kind = "text"
	}
	if name == "button" && kind != "reset" && kind != "button" {
		kind = "submit"
	}
	if name == "button" || name == "input" && (kind == "submit" || kind == "image") {
		b := &button{
			name: a["name"], value: a["value"], text: a["alt"] + " " + a["aria-label"], owner: a["form"], image: kind == "image", fallback: r.noscript > 0,
			action: a["formaction"], method: strings.ToLower(a["formmethod"]), enctype: strings.ToLower(a["formenctype"]),
		}
		if name == "button" {
			r.button = b
		}
		if kind == "reset" || kind == "button" || disabled {
			return nil
		}
		r.addButton(b)
		return nil
	}
	if name != "input" {
		kind = name
	}
	f := &field{
		kind: kind, name: a["name"], id: a["id"], value: a["value"], owner: a["form"],
		autocomplete: strings.ToLower(a["autocomplete"]), hint: a["placeholder"] + " " + a["aria-label"], sent: !disabled,
	}
	switch kind {
	case "checkbox", "radio":
		_, checked := a["checked"]
		f.sent = f.sent && checked
		if _, has := a["value"]; !has {
			f.value = "on"
		}
	case "reset", "button", "file":
		f.sent = false
	case "select":
		r.sel, f.value, f.sent = f, "", false
		f.chosen = disabled // none of its options counts
	case "textarea":
		r.area, f.value = f, ""
	}
	if disabled && kind != "hidden" {
		return nil // as if it were not there
	}
	r.addField(f)
	return nil
}

func (r *reader) addField(f *field) {
	if r.form != nil && f.owner == "" {
		r.form.fields = append(r.form.fields, f)
		return
	}
	r.looseFields = append(r.looseFields, f)
}

func (r *reader) addButton(b *button) {
	if r.form != nil && b.owner == "" {
		r.form.buttons = append(r.form.buttons, b)
		return
	}
	r.looseButtons = append(r.looseButtons, b)
}

func (r *reader) end(name string) {
	if name == "template" {
		r.template = max(0, r.template-1)
		return
	}
	if r.template > 0 {
		return
	}
	switch name {
	case "form":
		r.form = nil
	case "button":
		r.button = nil
	case "option":
		r.closeOption()
	case "select":
		r.closeOption()
		r.sel = nil
	case "textarea":
		r.area = nil
	case "script":
		r.script = false
	case "noscript":
		r.noscript = max(0, r.noscript-1)
	case "fieldset":
		r.disabled = r.disabled[:max(0, len(r.disabled)-1)]
	}
}

func (r *reader) text() {
	switch {
	case r.template > 0:
	case r.script:
		if submitsForm(string(r.z.Raw())) {
			r.page.submits = true
		}
	case r.area != nil:
		r.area.value = strings.TrimPrefix(strings.TrimPrefix(string(r.z.Text()), "\r"), "\n")
	case r.option != nil:
		r.option.text.Write(r.z.Text())
	case r.button != nil && len(r.button.text) < maxText:
		text := r.z.Text()
		r.button.text += " " + string(text[:min(len(text), maxText)])
	}
}

// closeOption makes the value of its select of the first option, and of one that is selected.
func (r *reader) closeOption() {
	o := r.option
	r.option = nil
	if o == nil || r.sel == nil {
		return
	}
	if !o.chosen && r.sel.sent || o.chosen && r.sel.chosen {
		return
	}
	if !o.hasValue {
		o.value = strings.Join(strings.Fields(o.text.String()), " ")
	}
	r.sel.value, r.sel.sent, r.sel.chosen = o.value, true, o.chosen
}

// attributes gives those that matter. The first of a name counts.
func (r *reader) attributes(more bool) map[string]string {
	a := make(map[string]string)
	for more {
		var key, value []byte
		key, value, more = r.z.TagAttr()
		switch string(key) {
		case "action", "accept-charset", "alt", "aria-label", "autocomplete", "checked", "content", "disabled", "enctype", "form", "formaction",
			"formenctype", "formmethod", "href", "http-equiv", "id", "method", "name", "onload", "placeholder", "selected", "type", "value":
			if _, twice := a[string(key)]; !twice {
				a[string(key)] = string(value)
			}
		}
	}
	return a
}
