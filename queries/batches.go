package queries

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

// idList writes ids for a statement.
func idList(ids []uuid.UUID) string {
	b := make([]byte, 0, 2+39*len(ids))
	b = append(b, '[')
	for i, id := range ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, id.String()...)
		b = append(b, '"')
	}
	return string(append(b, ']'))
}

// batchOf writes parameters of a statement, by the ids of what they are for, or in a list.
func batchOf(of any) (string, error) {
	text, err := json.Marshal(of)
	if err != nil {
		return "", fmt.Errorf("what is to be written: %w", err)
	}
	return string(text), nil
}

// sqlTime is a time within a batch, such as both engines read it and SQLite sorts it.
func sqlTime(t time.Time) string { return t.UTC().Truncate(time.Microsecond).Format(sqlTimeLayout) }

const sqlTimeLayout = "2006-01-02 15:04:05.999999999-07:00"

func words(of []Outcome) string {
	b := make([]byte, 0, 10*len(of))
	for i, o := range of {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(b, o...)
	}
	return string(b)
}

// outcomes reads what words wrote.
func outcomes(words string) []Outcome {
	var out []Outcome
	for w := range strings.FieldsSeq(words) {
		out = append(out, Outcome(w))
	}
	return out
}
