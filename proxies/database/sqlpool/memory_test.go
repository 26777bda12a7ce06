package sqlpool

import (
	"encoding/json"
	"runtime"
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/document"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

// TestRowsAreCharged compares what rows take in memory with what the budget is charged for them.
func TestRowsAreCharged(t *testing.T) { //nolint:paralleltest // it measures memory
	const rows = 20_000
	dsn := sqliteDSN(t, "")
	for name, columns := range map[string]string{
		"one number":   "n as a",
		"many numbers": "n as a, n as b, n as c, n as d, n as e, n as f, n as g, n as h, n as i",
		"text":         "'text ' || n as name, hex(zeroblob(50)) as other",
		"nulls":        "null as a, null as b, null as c",
	} {
		memory := upstream.NewMemory(0)
		p := open(t, dsn, Options{Memory: memory})
		q := query(t, p, "with recursive r(n) as (select 1 union all select n + 1 from r where n < {rows}) select "+columns+" from r", json.Number("20000"))
		q.Rows, q.Limit, q.Factor = rows, 64<<20, 12+new(document.JSON).Factor()
		tree, text := decode.NewTree(decode.Limits{}), decode.NewWriter(nil, decode.Limits{})
		q.Sinks = []decode.Sink{tree, text}
		before := inUse()
		res, err := p.Run(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		took := inUse() - before
		if charged := memory.InUse(); took > charged {
			t.Errorf("%s: %d rows take %d bytes, and %d are charged", name, res.Rows, took, charged)
		}
		runtime.KeepAlive(tree)
		runtime.KeepAlive(text)
		res.Release()
	}
}

func inUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
