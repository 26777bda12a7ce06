// Package pgtypes has connections to PostgreSQL know which of its types values of Go are, where these are for types that pgx does not know: enums,
// as River has them. pgx would know it of all types and their arrays, generated for each, which makes a binary longer by 1.4 MB; so it is built
// without (the tag nopgxregisterdefaulttypes), and these are those that are sent.
package pgtypes

import (
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// Register has the connection of a map know them.
func Register(m *pgtype.Map) {
	for name, values := range map[string][]any{
		"text": {"", new(string)}, "_text": {[]string(nil), new([]string), []*string(nil)},
		"bool": {false, new(bool)}, "_bool": {[]bool(nil)},
		"int2": {int16(0), new(int16)}, "_int2": {[]int16(nil)},
		"int4": {int32(0), new(int32)}, "_int4": {[]int32(nil)},
		"int8": {int64(0), new(int64), 0, new(int)}, "_int8": {[]int64(nil), []int(nil)},
		"float8": {0.0, new(float64)}, "_float8": {[]float64(nil)},
		"timestamptz": {time.Time{}, new(time.Time)}, "_timestamptz": {[]time.Time(nil), []*time.Time(nil)},
		"json": {json.RawMessage(nil), new(json.RawMessage)}, "_json": {[]json.RawMessage(nil)},
		"bytea": {[]byte(nil), new([]byte)}, "_bytea": {[][]byte(nil)},
	} {
		for _, v := range values {
			m.RegisterDefaultPgType(v, name)
		}
	}
}
