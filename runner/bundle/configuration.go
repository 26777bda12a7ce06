package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// mostConfiguration is how long configuration.json may be, in bytes.
const mostConfiguration = 1 << 20

// singleName is the name in its bundle of a script that is a single file.
const singleName = "script"

// What is reserved and allowed where configuration.json says nothing: a tenth and a half of a processor, 100 MB and 1 GB.
const (
	defaultCPUReservation    = 1e8
	defaultCPULimit          = 5e8
	defaultMemoryReservation = 1e8
	defaultMemoryLimit       = 1e9
)

// Configuration is what configuration.json says. Members that are not here are kept in Raw and mean nothing to the gateway.
type Configuration struct {
	// Name is the script's, 1 to 120 characters. Required.
	Name string
	// Description is a text for people, at most 4,000 characters.
	Description string
	// CPUReservation and CPULimit are in billionths of a processor. Default 100,000,000 and 500,000,000.
	CPUReservation, CPULimit int64
	// MemoryReservation and MemoryLimit are in bytes. Default 100,000,000 and 1,000,000,000.
	MemoryReservation, MemoryLimit int64
	// Environment and EnvironmentVersion name what a script wants to run in, as an image. Default none.
	Environment, EnvironmentVersion string
	// ComputeType is gee, openeo or batch. Default none.
	ComputeType string
	// UsesGEE says that the script uses Google Earth Engine.
	UsesGEE bool
	// Command is the program with its arguments, in the directory of the script. Default: src/main.py is run as a script of Trends.Earth.
	Command []string
	// Parameters is a JSON Schema of the parameters. Default: anything.
	Parameters json.RawMessage
	// Timeout is how long a run may take, written as 90s or 2h, or in seconds. Default 0: what the gateway's configuration says.
	Timeout time.Duration
	// Retries is how often a run that failed is tried again. Default 0.
	Retries int
	// Labels are what a runner must have to run this. Default none.
	Labels []string
	// Raw is the whole document, compact.
	Raw json.RawMessage
}

// Slug is the name as it stands in addresses.
func (c Configuration) Slug() string { return Slug(c.Name) }

// ReadConfiguration reads what Configuration.Raw has. The error is a *RefusedError.
func ReadConfiguration(text []byte) (Configuration, error) { return parse(text) }

// parse reads configuration.json.
func parse(text []byte) (Configuration, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if !utf8.Valid(text) {
		return Configuration{}, refuse(ConfigurationName, "it is not UTF-8")
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil || members == nil {
		return Configuration{}, refuse(ConfigurationName, "it is no JSON object%s", because(err))
	}
	var raw bytes.Buffer
	if err := json.Compact(&raw, text); err != nil {
		return Configuration{}, refuse(ConfigurationName, "it is no JSON object%s", because(err))
	}
	m := reading{members: members}
	c := Configuration{
		Name:               strings.TrimSpace(m.text("name", 120)),
		Description:        m.text("description", 4000),
		CPUReservation:     m.integer("cpu_reservation", defaultCPUReservation, 1e15),
		CPULimit:           m.integer("cpu_limit", defaultCPULimit, 1e15),
		MemoryReservation:  m.integer("memory_reservation", defaultMemoryReservation, 1e15),
		MemoryLimit:        m.integer("memory_limit", defaultMemoryLimit, 1e15),
		Environment:        m.text("environment", 200),
		EnvironmentVersion: m.text("environment_version", 200),
		ComputeType:        m.text("compute_type", 40),
		UsesGEE:            m.truth("uses_gee"),
		Command:            m.texts("command", 100),
		Parameters:         m.schema("parameters"),
		Timeout:            m.duration("timeout"),
		Retries:            int(m.integer("retries", 0, 100)),
		Labels:             m.texts("labels", 20),
		Raw:                raw.Bytes(),
	}
	switch {
	case m.err != nil:
		return Configuration{}, m.err
	case c.Name == "":
		return Configuration{}, refuse(ConfigurationName, "name is missing")
	case c.Slug() == "":
		return Configuration{}, refuse(ConfigurationName, "name has neither a letter nor a digit")
	case members["command"] != nil && (len(c.Command) == 0 || c.Command[0] == ""):
		return Configuration{}, refuse(ConfigurationName, "command is empty")
	}
	// One of the two may be said without the other.
	if members["cpu_reservation"] == nil {
		c.CPUReservation = min(c.CPUReservation, c.CPULimit)
	}
	if members["memory_reservation"] == nil {
		c.MemoryReservation = min(c.MemoryReservation, c.MemoryLimit)
	}
	if members["cpu_limit"] == nil {
		c.CPULimit = max(c.CPUReservation, c.CPULimit)
	}
	if members["memory_limit"] == nil {
		c.MemoryLimit = max(c.MemoryReservation, c.MemoryLimit)
	}
	switch {
	case c.CPULimit < c.CPUReservation:
		return Configuration{}, refuse(ConfigurationName, "cpu_limit is less than cpu_reservation")
	case c.MemoryLimit < c.MemoryReservation:
		return Configuration{}, refuse(ConfigurationName, "memory_limit is less than memory_reservation")
	case c.CPULimit == 0 || c.MemoryLimit == 0:
		return Configuration{}, refuse(ConfigurationName, "a limit of nothing")
	}
	return c, nil
}

// ofFile is the configuration of a script that is one file.
func ofFile(name string) (Configuration, error) {
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	if ext := path.Ext(name); ext != name {
		name = strings.TrimSuffix(name, ext)
	}
	if Slug(name) == "" {
		return Configuration{}, refuse("", "the file has no name, which would be the script's")
	}
	text, err := json.Marshal(map[string]any{"name": name, "command": []string{"./" + singleName}})
	if err != nil {
		return Configuration{}, refuse("", "the file has no name, which would be the script's")
	}
	return parse(text)
}

// because is the reason why a text is no JSON, if it says one that helps.
func because(err error) string {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return " (" + strings.TrimPrefix(syntax.Error(), "json: ") + ", at byte " + strconv.FormatInt(syntax.Offset, 10) + ")"
	}
	return ""
}

// reading reads members, until the first that is not as it should be.
type reading struct {
	members map[string]json.RawMessage
	err     error
}

func (m *reading) fail(name, format string, args ...any) {
	if m.err == nil {
		m.err = refuse(ConfigurationName, name+" "+format, args...)
	}
}

// member reads one into v; it says whether there is one.
func (m *reading) member(name string, v any, want string) bool {
	raw, ok := m.members[name]
	if !ok || string(raw) == "null" {
		return false
	}
	if err := json.Unmarshal(raw, v); err != nil {
		m.fail(name, "is not %s", want)
		return false
	}
	return true
}

func (m *reading) text(name string, most int) string {
	var s string
	m.member(name, &s, "a text")
	m.look(name, s, most)
	return s
}

// look refuses texts that are too long, and those that no person writes.
func (m *reading) look(name, s string, most int) {
	switch {
	case utf8.RuneCountInString(s) > most:
		m.fail(name, "has more than %d characters", most)
	case strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\r' }):
		m.fail(name, "has control characters")
	}
}

func (m *reading) texts(name string, most int) []string {
	var list []string
	m.member(name, &list, "a list of texts")
	if len(list) > most {
		m.fail(name, "has more than %d", most)
	}
	for _, s := range list {
		m.look(name, s, 4000)
	}
	return list
}

func (m *reading) truth(name string) bool {
	var b bool
	m.member(name, &b, "true or false")
	return b
}

// integer takes 500000000.0 too, as programs write it.
func (m *reading) integer(name string, otherwise, most int64) int64 {
	var f float64
	if !m.member(name, &f, "a number") {
		return otherwise
	}
	if f != math.Trunc(f) || f < 0 || f > float64(most) {
		m.fail(name, "is not an integer from 0 to %d", most)
		return otherwise
	}
	return int64(f)
}

func (m *reading) duration(name string) time.Duration {
	const longest = 30 * 24 * time.Hour
	var v any
	if !m.member(name, &v, "a duration") {
		return 0
	}
	var d time.Duration
	switch v := v.(type) {
	case float64:
		if v >= 0 && v <= longest.Seconds() {
			d = time.Duration(v * float64(time.Second))
		}
	case string:
		d, _ = time.ParseDuration(v)
	}
	if d < time.Second || d > longest {
		m.fail(name, "is not a duration from 1s to %s, as 90s or 2h or a number of seconds", "720h")
		return 0
	}
	return d
}

func (m *reading) schema(name string) json.RawMessage {
	raw, ok := m.members[name]
	if !ok || string(raw) == "null" {
		return nil
	}
	if _, err := ReadSchema(raw); err != nil {
		m.fail(name, "is no JSON Schema: %v", err)
		return nil
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		return nil // it was read as JSON before
	}
	return compact.Bytes()
}
