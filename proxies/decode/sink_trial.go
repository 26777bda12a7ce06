package decode

import "unicode/utf8"

// Trial is a Sink that keeps nothing, for a look at whether a decoder takes a text. It has the limits of the others. Names
// that occur twice pass: whoever decodes the text then will say so.
type Trial struct {
	guard guard
	begun bool
}

func (t *Trial) ready() *guard {
	if !t.begun {
		t.begun = true
		t.guard.reset(Limits{})
	}
	return &t.guard
}

func (t *Trial) text(s string) error {
	if !utf8.ValidString(s) {
		return t.guard.fail(ErrUTF8)
	}
	return nil
}

// BeginObject implements Sink.
func (t *Trial) BeginObject() error {
	_, err := t.ready().begin(true)
	return err
}

// Key implements Sink.
func (t *Trial) Key(name string) error {
	if _, err := t.ready().key(); err != nil {
		return err
	}
	return t.text(name)
}

// EndObject implements Sink.
func (t *Trial) EndObject() error { return t.ready().end(true) }

// BeginArray implements Sink.
func (t *Trial) BeginArray() error {
	_, err := t.ready().begin(false)
	return err
}

// EndArray implements Sink.
func (t *Trial) EndArray() error { return t.ready().end(false) }

// String implements Sink.
func (t *Trial) String(s string) error {
	if _, err := t.ready().value(); err != nil {
		return err
	}
	return t.text(s)
}

// Number implements Sink.
func (t *Trial) Number(literal string) error {
	if _, err := t.ready().value(); err != nil {
		return err
	}
	return t.guard.number(literal)
}

// Bool implements Sink.
func (t *Trial) Bool(bool) error {
	_, err := t.ready().value()
	return err
}

// Null implements Sink.
func (t *Trial) Null() error {
	_, err := t.ready().value()
	return err
}

var _ Sink = (*Trial)(nil)
