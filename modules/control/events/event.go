// Package events tells others what changes in the store: executions, scripts, schedules, users. The store has the events, written by the
// transactions of the changes; a Relay hands them to a publisher of Watermill's as CloudEvents, at least once, those of one subject
// in order.
//
//	r, err := events.NewRelay(store, events.RelayConfig{Name: "nats", Publisher: publisher})
//	r.Run(ctx)   // until ctx ends
package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/fairway-gateway/fairway/queries"
)

const (
	// DefaultSource is the source of events where nobody says another one.
	DefaultSource = "/fairway"
	// DefaultTopic is where events are published where nobody says another one.
	DefaultTopic = "fairway.events"
	// ContentType is that of an event in the structured mode.
	ContentType = "application/cloudevents+json"
	// typePrefix is before the types of events that the store has.
	typePrefix = "fairway."
)

// Types are the types of events that the store writes.
func Types() []string {
	return []string{
		"fairway.execution.created", "fairway.execution.ready", "fairway.execution.retried", "fairway.execution.running", "fairway.execution.finished",
		"fairway.execution.failed", "fairway.execution.cancelling", "fairway.execution.cancelled",
		"fairway.script.created", "fairway.script.uploaded", "fairway.script.pending", "fairway.script.building", "fairway.script.built", "fairway.script.failed",
		"fairway.script.published", "fairway.script.unpublished", "fairway.script.updated", "fairway.script.deleted",
		"fairway.schedule.created", "fairway.schedule.updated", "fairway.schedule.paused", "fairway.schedule.resumed", "fairway.schedule.deleted",
		"fairway.schedule.fired", "fairway.schedule.queued", "fairway.schedule.skipped", "fairway.schedule.missed", "fairway.schedule.refused", "fairway.schedule.alert",
		"fairway.user.created", "fairway.user.updated", "fairway.user.deleted", "fairway.user.restored",
	}
}

// CloudEvent is an event as version 1.0 of CloudEvents has them in JSON.
type CloudEvent struct {
	SpecVersion string `json:"specversion"`
	// ID is unique, also among the events of other stores: whoever has seen it has seen the event.
	ID      string `json:"id"`
	Source  string `json:"source"`
	Type    string `json:"type"`
	Subject string `json:"subject,omitempty"`
	Time    string `json:"time,omitempty"`
	// DataContentType is application/json or empty.
	DataContentType string          `json:"datacontenttype,omitempty"`
	Data            json.RawMessage `json:"data,omitempty"`
}

// Of makes a CloudEvent of an event of the store. Its id has no dot, so that webhooks can sign it.
func Of(e queries.Event, source string) CloudEvent {
	_, subject, _ := strings.Cut(e.Subject, "/")
	return CloudEvent{
		SpecVersion: "1.0", ID: strings.ReplaceAll(subject, ".", "_") + "-" + strconv.FormatInt(e.ID, 10), Source: source, Type: typePrefix + e.Type, Subject: e.Subject,
		Time: e.At.UTC().Format(time.RFC3339Nano), DataContentType: "application/json", Data: e.Data,
	}
}

// Message makes a message of a CloudEvent, whose UUID is the event's id.
func (e CloudEvent) Message() (*message.Message, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("the event %s: %w", e.ID, err)
	}
	m := message.NewMessage(e.ID, text)
	m.Metadata.Set("content-type", ContentType)
	return m, nil
}

// Filter says which types of events somebody wants: each is a type, or the beginning of one before a star, as fairway.execution.*.
// None: all.
type Filter []string

// mostFilter is how many types a filter may have.
const mostFilter = 50

// Check says what is wrong with a filter: a type that no event has.
func (f Filter) Check() error {
	if len(f) > mostFilter {
		return fmt.Errorf("there are at most %d types", mostFilter)
	}
	for _, one := range f {
		some := false
		for _, t := range Types() {
			some = some || matches(one, t)
		}
		if !some || strings.Count(one, "*") > 1 || strings.Contains(strings.TrimSuffix(one, "*"), "*") {
			return fmt.Errorf("no event has the type %q", cut(one))
		}
	}
	return nil
}

// cut is the beginning of what somebody wrote.
func cut(text string) string { return text[:min(len(text), 60)] }

// Has says whether somebody wants an event of the store.
func (f Filter) Has(e queries.Event) bool {
	if len(f) == 0 {
		return true
	}
	for _, one := range f {
		if matches(one, typePrefix+e.Type) {
			return true
		}
	}
	return false
}

func matches(pattern, typ string) bool {
	begin, star := strings.CutSuffix(pattern, "*")
	return typ == pattern || star && strings.HasPrefix(typ, begin)
}

// TopicOf is where an event is published: {type} in the topic is its type.
func TopicOf(topic, typ string) string { return strings.ReplaceAll(topic, "{type}", typ) }

// CheckTopic says what is wrong with a topic.
func CheckTopic(topic string) error {
	bare := strings.ReplaceAll(topic, "{type}", "t")
	if bare == "" || len(bare) > 200 || path.Clean(bare) == "." || strings.ContainsFunc(bare, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("*>{}", r) }) {
		return errors.New("a topic has letters, digits and dots, and may have {type} in it")
	}
	for part := range strings.SplitSeq(bare, ".") {
		if part == "" {
			return errors.New("a topic has something before and after each dot")
		}
	}
	return nil
}
