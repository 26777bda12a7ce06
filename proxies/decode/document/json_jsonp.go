package document

import "github.com/fairway-gateway/fairway/proxies/decode"

// call reads what a script has before the value: the beginning of a call with it as its argument, or a variable that is set to
// it. It gives what ends it, and whether there is any.
func (r *dirtReader) call() (closing string, script bool, err error) {
	comments := *r.o
	comments.Comments = true // some put an empty one before the call, against Flash
	own := r.o
	r.o = &comments
	defer func() { r.o = own }()
	if err := r.space(); err != nil {
		return "", false, err
	}
	if c := r.peek(); !isWord(c) {
		return "", false, nil
	}
	if err := r.callee(); err != nil {
		return "", false, err
	}
	switch string(r.text) {
	case "var", "let", "const":
		if !isWord(r.peek()) {
			break
		}
		if err := r.callee(); err != nil {
			return "", false, err
		}
	}
	switch r.peek() {
	case '(':
		r.pos++
		return ")", true, nil
	case '=':
		r.pos++
		return "", true, nil
	}
	return "", false, r.unexpected("where a call begins")
}

// callee reads the name of what is called, or of what is set, to text, and the white space behind it.
func (r *dirtReader) callee() error {
	at := r.offset()
	r.text = r.text[:0]
	for c := r.peek(); isWord(c) || c == '.' || c == '[' || c == ']' || c == '"' || c == '\''; c = r.peek() {
		r.text = append(r.text, byte(c)) //nolint:gosec // a byte
		r.pos++
		if len(r.text) > decode.MaxNumber {
			return r.syntax(at, "the name of a call is too long")
		}
	}
	return r.space()
}
