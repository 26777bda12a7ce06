package table

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode"
)

// table10 is about 1 MiB of CSV, 10,000 rows of 10 columns.
func table10() []byte {
	var b bytes.Buffer
	b.WriteString("id,station,time,temperature,humidity,pressure,wind,direction,state,note\r\n")
	for i := range 10_000 {
		fmt.Fprintf(&b, "%06d,Besançon %d,2026-11-%02dT%02d:%02d:00Z,%d.%d,%d,%d.%d,%d.%d,%d,ok,\"row %d, of \"\"many\"\"\"\r\n",
			i, i%7, 1+i%28, i%24, i%60, 10+i%20, i%10, 30+i%60, 990+i%40, i%10, i%30, i%10, i%360, i)
	}
	return b.Bytes()
}

// BenchmarkCSV reads the same table with the standard library as fast as that does, which converts and writes nothing, and with
// CSV into the sinks.
func BenchmarkCSV(b *testing.B) {
	body := table10()
	run := func(name string, f func() error) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if err := f(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("encoding-csv", func() error {
		r := csv.NewReader(bytes.NewReader(body))
		r.ReuseRecord = true
		for {
			if _, err := r.Read(); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
		}
	})
	buf := make([]byte, 0, 4<<20)
	run("writer", func() error {
		return new(CSV).Decode(b.Context(), &decode.Input{Body: body}, decode.NewWriter(buf, decode.Limits{}))
	})
	run("stream", func() error {
		r := decode.NewRecords(decode.RecordsOptions{Text: true, Each: func([]byte, any) error { return nil }})
		return new(CSV).Stream(b.Context(), bytes.NewReader(body), &decode.Input{}, r)
	})
	run("tree", func() error {
		return new(CSV).Decode(b.Context(), &decode.Input{Body: body}, decode.NewTree(decode.Limits{}))
	})
}
