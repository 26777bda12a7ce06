package listing

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/rows"
)

// value makes of a caller's text a value with which the field is compared.
func (f *Field) value(text string, op rows.Op) (any, error) {
	if op == rows.Like {
		return text, nil // of other kinds than texts it is refused
	}
	switch f.Column.Kind() {
	case rows.Word:
		return f.word(text, op)
	case rows.ID:
		id, err := uuid.Parse(text)
		if err != nil || len(text) != len("00000000-0000-0000-0000-000000000000") {
			return nil, errors.New(quote(text) + " is no UUID")
		}
		return id, nil
	case rows.Integer:
		n, err := strconv.ParseInt(strings.TrimSuffix(text, ".0"), 10, 64)
		if err != nil {
			return nil, errors.New(quote(text) + " is no whole number of 64 bits")
		}
		return n, nil
	case rows.Bool:
		return truth(text)
	case rows.Time:
		return ParseTime(text)
	case rows.Text, rows.Key:
	}
	return text, nil
}

// word finds a word whatever its case.
func (f *Field) word(text string, op rows.Op) (any, error) {
	i := slices.IndexFunc(f.Words, func(w string) bool { return strings.EqualFold(w, text) })
	switch {
	case len(f.Words) == 0:
		return text, nil
	case i >= 0:
		return f.Words[i], nil
	case op == rows.Equal || op == rows.Unequal:
		return nil, fmt.Errorf("%s is none of %s", quote(text), strings.Join(f.Words, ", "))
	}
	return text, nil
}

func truth(text string) (any, error) {
	switch strings.ToLower(text) {
	case "true", "t", "yes", "1":
		return true, nil
	case "false", "f", "no", "0":
		return false, nil
	}
	return nil, errors.New(quote(text) + " is neither true nor false")
}

// ParseTime reads a time as callers write it: a date, or a date with a time after T or a blank, with or without seconds, fraction
// (to nine digits) and zone. Without a zone it is UTC. A blank before the hours and minutes of a zone is the + that was not escaped:
// "2026-01-01T05:00:00.123 00:00".
func ParseTime(text string) (time.Time, error) {
	s := strings.TrimSpace(text)
	if date, rest, ok := strings.Cut(s, " "); ok && len(date) == len(time.DateOnly) {
		s = date + "T" + rest
	}
	s = strings.Replace(s, "t", "T", 1)
	if before, zone, ok := strings.Cut(s, " "); ok && isClock(" "+zone) && len(zone) == len("05:30") {
		s = before + "+" + zone
	}
	for _, layout := range []string{
		time.DateOnly, "2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700",
	} {
		if t, err := time.Parse(layout, s); err == nil && t.UTC().Year() > 0 && t.UTC().Year() < 10000 {
			return t.UTC(), nil
		}
	}
	return time.Time{}, errors.New(quote(text) + " is no date like 2026-01-31 or 2026-01-31T12:30:00Z")
}
