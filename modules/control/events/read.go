package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/fairway-gateway/fairway/modules/control/body"
)

// mostAttribute is how long an attribute of an event that arrives may be, in bytes.
const mostAttribute = 500

// Read reads a CloudEvent of version 1.0 that arrives in a message: in the structured mode, JSON, or in the binary mode, with attributes in
// headers whose names begin with ce- and JSON for data. header gives a header by its name in small letters, empty where there is none.
func Read(header func(name string) string, text []byte) (CloudEvent, error) {
	kind, _, _ := strings.Cut(header("content-type"), ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	if header("ce-specversion") == "" || kind == ContentType {
		return structured(kind, text)
	}
	e := CloudEvent{
		SpecVersion: header("ce-specversion"), ID: header("ce-id"), Source: header("ce-source"), Type: header("ce-type"), Subject: header("ce-subject"), Time: header("ce-time"),
		DataContentType: kind,
	}
	if kind != "" && kind != "application/json" && !strings.HasSuffix(kind, "+json") {
		return CloudEvent{}, fmt.Errorf("its data is %.60q, and no JSON", kind)
	}
	if len(text) > 0 {
		e.Data = text
	}
	return e, e.check()
}

func structured(kind string, text []byte) (CloudEvent, error) {
	if kind != "" && kind != ContentType && kind != "application/json" {
		return CloudEvent{}, fmt.Errorf("it is %.60q, and no CloudEvent", kind)
	}
	members, err := body.Object(text) // each member once
	if err != nil {
		return CloudEvent{}, errors.New("it is no CloudEvent: no JSON object, each member once")
	}
	if members["data_base64"] != nil {
		return CloudEvent{}, errors.New("its data is bytes, and no JSON")
	}
	var e CloudEvent
	for name, to := range map[string]*string{"specversion": &e.SpecVersion, "id": &e.ID, "source": &e.Source, "type": &e.Type, "subject": &e.Subject, "time": &e.Time, "datacontenttype": &e.DataContentType} {
		if members[name] == nil {
			continue
		}
		if err := json.Unmarshal(members[name], to); err != nil {
			return CloudEvent{}, fmt.Errorf("its %s is no text", name)
		}
	}
	e.Data = members["data"]
	return e, e.check()
}

// check says what is wrong with an event that arrives.
func (e *CloudEvent) check() error {
	if e.SpecVersion != "1.0" {
		return errors.New("it is no CloudEvent of version 1.0")
	}
	for name, value := range map[string]string{"id": e.ID, "source": e.Source, "type": e.Type} {
		if value == "" {
			return fmt.Errorf("it has no %s", name)
		}
	}
	for name, value := range map[string]string{"id": e.ID, "source": e.Source, "type": e.Type, "subject": e.Subject, "time": e.Time} {
		if len(value) > mostAttribute || !utf8.ValidString(value) || strings.ContainsFunc(value, func(r rune) bool { return !unicode.IsPrint(r) }) {
			return fmt.Errorf("its %s is longer than %d bytes, or no line of text", name, mostAttribute)
		}
	}
	if strings.Contains(e.Source, " ") {
		return errors.New("its source is no URI")
	}
	if len(e.Data) > 0 && !json.Valid(e.Data) {
		return errors.New("its data is no JSON")
	}
	return nil
}

// Name is what nothing else is called that is another event.
func (e *CloudEvent) Name() string { return e.Source + " " + e.ID }

// HasType says whether somebody wants a type, whatever types there are.
func (f Filter) HasType(typ string) bool {
	for _, one := range f {
		if matches(one, typ) {
			return true
		}
	}
	return len(f) == 0
}
