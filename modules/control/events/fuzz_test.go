package events

import (
	"slices"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/queries"
)

// FuzzFilter holds that a filter that is taken has one of the types that there are, and has what its words say.
func FuzzFilter(f *testing.F) {
	for _, one := range []string{"*", "fairway.execution.*", "fairway.user.created", "", "**", "*.created", "fairway.\x00", "fairway.execution.finished fairway.script.*"} {
		f.Add(one)
	}
	f.Fuzz(func(t *testing.T, text string) {
		filter := Filter(strings.Fields(text))
		if filter.Check() != nil {
			return
		}
		has := 0
		for _, typ := range Types() {
			e := queries.Event{Type: strings.TrimPrefix(typ, typePrefix)}
			wanted := len(filter) == 0 || slices.ContainsFunc(filter, func(one string) bool {
				return one == typ || strings.HasSuffix(one, "*") && strings.HasPrefix(typ, strings.TrimSuffix(one, "*"))
			})
			if filter.Has(e) != wanted {
				t.Fatalf("%q has %s: %t", text, typ, filter.Has(e))
			}
			if wanted {
				has++
			}
		}
		if has == 0 {
			t.Fatalf("%q has nothing", text)
		}
	})
}

// FuzzTopic holds that a topic that is taken is one of NATS and AMQP for each type: parts with a dot between them, without wildcards.
func FuzzTopic(f *testing.F) {
	for _, one := range []string{"fairway.{type}", "{type}", "a", "a.{type}.b", "", ".", "a..b", "{{type}}", "{typ", "*", "a.>", "a\x00", "ü"} {
		f.Add(one)
	}
	f.Fuzz(func(t *testing.T, topic string) {
		if CheckTopic(topic) != nil {
			return
		}
		for _, typ := range Types() {
			of := TopicOf(topic, typ)
			if slices.Contains(strings.Split(of, "."), "") || strings.ContainsAny(of, "*>{} \t\r\n\x00") || strings.ContainsFunc(of, func(r rune) bool { return r <= ' ' || r > '~' }) {
				t.Fatalf("%q is taken", topic)
			}
		}
	})
}
