package markup

import (
	"strings"
	"time"
)

// feedTime reads a time as feeds write them: RFC 3339, RFC 822 and what is near to them. Without a zone, or with one whose
// name is not known, it is UTC.
func feedTime(s string) (time.Time, bool) {
	s = strings.TrimSpace(s)
	if len(s) < 4 || len(s) > 64 {
		return time.Time{}, false
	}
	if strings.Trim(s[:4], "0123456789") == "" {
		return firstLayout(s,
			"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05", "2006-01-02T15:04",
			"2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 MST", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02", "2006-01", "2006/01/02 15:04:05", "2006/01/02", "20060102")
	}
	if _, rest, ok := strings.Cut(s, ","); ok && strings.IndexAny(s, "0123456789") > strings.IndexByte(s, ',') {
		s = rest // the day of the week
	}
	words := strings.Fields(s)
	if len(words) > 1 && !strings.ContainsAny(words[0], "0123456789") && month(words[0]) == "" {
		words = words[1:] // the same without a comma
	}
	for i, w := range words {
		if m := month(w); m != "" {
			words[i] = m
		}
	}
	if n := len(words); n > 3 {
		if offset, ok := zoneOffset(words[n-1]); ok {
			words[n-1] = offset
		}
	}
	return firstLayout(strings.Join(words, " "),
		"2 Jan 2006 15:04:05 -0700", "2 Jan 2006 15:04 -0700", "2 Jan 06 15:04:05 -0700", "2 Jan 06 15:04 -0700", "2 Jan 2006 15:04:05 -07:00", "2 Jan 2006 15:04:05", "2 Jan 2006 15:04", "2 Jan 2006",
		"Jan 2 15:04:05 2006", "Jan 2, 2006 15:04:05", "Jan 2, 2006 3:04 PM", "Jan 2, 2006", "Jan 2 15:04:05 -0700 2006",
		"2-Jan-06 15:04:05 -0700", "2-Jan-2006 15:04:05 -0700", "02.01.2006 15:04:05", "02.01.2006 15:04", "02.01.2006")
}

func firstLayout(s string, layouts ...string) (time.Time, bool) {
	for _, layout := range layouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// month gives the English short name of a month that is written in English, German or French.
func month(w string) string {
	end := ""
	if strings.HasSuffix(w, ",") {
		end = ","
	}
	w = strings.ToLower(strings.TrimRight(w, ".,"))
	if len(w) < 3 {
		return ""
	}
	for _, m := range []struct{ short, names string }{
		{"Jan", " jan january januar janvier janv "},
		{"Feb", " feb february februar février févr fév "},
		{"Mar", " mar march märz mär mrz mars "},
		{"Apr", " apr april avril avr "},
		{"May", " may mai "},
		{"Jun", " jun june juni juin "},
		{"Jul", " jul july juli juillet juil "},
		{"Aug", " aug august août "},
		{"Sep", " sep sept september septembre "},
		{"Oct", " oct october oktober okt octobre "},
		{"Nov", " nov november novembre "},
		{"Dec", " dec december dezember dez décembre déc "},
	} {
		if strings.Contains(m.names, " "+w+" ") {
			return m.short + end
		}
	}
	return ""
}

// zoneOffset gives the offset of a zone's name; time.Parse takes names that it does not know for UTC.
func zoneOffset(name string) (string, bool) {
	switch strings.ToUpper(strings.Trim(name, "()")) {
	case "GMT", "UT", "UTC", "Z", "WET":
		return "+0000", true
	case "CET", "MEZ", "BST", "WEST":
		return "+0100", true
	case "CEST", "MESZ", "EET":
		return "+0200", true
	case "EEST", "MSK":
		return "+0300", true
	case "JST", "KST":
		return "+0900", true
	case "EST", "CDT":
		return "-0500", true
	case "EDT":
		return "-0400", true
	case "CST", "MDT":
		return "-0600", true
	case "MST", "PDT":
		return "-0700", true
	case "PST":
		return "-0800", true
	case "AM", "PM":
		return "", false
	}
	if strings.ContainsAny(name, "0123456789:") {
		return "", false
	}
	return "+0000", true
}
