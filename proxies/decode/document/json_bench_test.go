package document

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
)

func BenchmarkJSON1K(b *testing.B) {
	var s strings.Builder
	s.WriteString(`{"builds":[`)
	for i := range 10 {
		if i > 0 {
			s.WriteByte(',')
		}
		fmt.Fprintf(&s, `{"id":%d,"name":"build-linux","status":"SUCCESS","duration":1234.5,"ok":true,"tags":["a","b"]}`, i)
	}
	s.WriteString(`],"next":null}`)
	decodetest.Benchmark(b, new(JSON), s.String())
}

func BenchmarkNDJSON(b *testing.B) {
	decodetest.Benchmark(b, new(NDJSON), strings.Repeat(`{"id":12345,"name":"build-linux","status":"SUCCESS"}`+"\n", 20))
}
