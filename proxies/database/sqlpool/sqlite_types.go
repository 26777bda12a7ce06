package sqlpool

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/document"
)

// declaredType is the type of a column without its length, in capitals; empty for an expression.
func declaredType(name string) string {
	name, _, _ = strings.Cut(strings.ToUpper(name), "(")
	return strings.TrimSpace(name)
}

// sqliteSize is how many bytes a value has.
func sqliteSize(v any) int64 {
	switch v := v.(type) {
	case string:
		return int64(len(v))
	case []byte:
		return int64(len(v))
	case time.Time:
		return int64(len(time.RFC3339))
	case nil:
		return 0
	}
	return 8
}

// tellSQLite tells a value. Its storage class says what it is, and the declared type of its column only what text and
// numbers mean that SQLite has no class for.
func tellSQLite(s sink, v any, declared string) error {
	switch v := v.(type) {
	case nil:
		return s.Null()
	case int64:
		if (declared == "BOOLEAN" || declared == "BOOL") && (v == 0 || v == 1) {
			return s.Bool(v == 1)
		}
		return s.Number(strconv.FormatInt(v, 10))
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return s.Null()
		}
		text, err := json.Marshal(v)
		if err != nil {
			return err
		}
		return s.Number(string(text))
	case []byte:
		return s.String(base64.StdEncoding.EncodeToString(v))
	case time.Time: // text of a column that is declared so, which the driver has read
		if declared == "DATE" && v.Equal(v.Truncate(24*time.Hour)) {
			return s.String(v.Format(time.DateOnly))
		}
		return s.String(v.UTC().Format(time.RFC3339Nano))
	case string:
		switch {
		case declared == "JSON" && json.Valid([]byte(v)):
			d := document.JSON{Duplicates: "last", Surrogates: document.SurrogatesReplace}
			return d.Decode(context.Background(), &decode.Input{Body: []byte(v)}, s)
		case strings.HasPrefix(declared, "TIMESTAMP") || strings.HasPrefix(declared, "DATETIME"):
			return timestamp(s, v)
		}
		return s.String(v)
	}
	return s.Null() // the driver gives nothing else
}
