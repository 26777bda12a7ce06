package decode

import "unicode/utf8"

// trial is a Sink that keeps nothing, for a look at whether a decoder takes a text. It has the limits of the others. Names
// that occur twice pass: whoever decodes the text then will say so.
type trial struct {
	guard guard
	begun bool
}

func (t *trial) ready() *guard {
	if !t.begun {
		t.begun = true
		t.guard.reset(Limits{})
	}
	return &t.guard
}

func (t *trial) text(s string) error {
	if !utf8.ValidString(s) {
		return t.guard.fail(ErrUTF8)
	}
	return nil
}

// BeginObject implements Sink.
func (t *trial) BeginObject() error {
	_, err := t.ready().begin(true)
	return err
}

// Key implements Sink.
func (t *trial) Key(name string) error {
	if _, err := t.ready().key(); err != nil {
		return err
	}
	return t.text(name)
}

// EndObject implements Sink.
func (t *trial) EndObject() error { return t.ready().end(true) }

// BeginArray implements Sink.
func (t *trial) BeginArray() error {
	_, err := t.ready().begin(false)
	return err
}

// EndArray implements Sink.
func (t *trial) EndArray() error { return t.ready().end(false) }

// String implements Sink.
func (t *trial) String(s string) error {
	if _, err := t.ready().value(); err != nil {
		return err
	}
	return t.text(s)
}

// Number implements Sink.
func (t *trial) Number(literal string) error {
	if _, err := t.ready().value(); err != nil {
		return err
	}
	return t.guard.number(literal)
}

// Bool implements Sink.
func (t *trial) Bool(bool) error {
	_, err := t.ready().value()
	return err
}

// Null implements Sink.
func (t *trial) Null() error {
	_, err := t.ready().value()
	return err
}

var _ Sink = (*trial)(nil)
