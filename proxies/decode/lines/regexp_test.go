package lines

import (
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
)

func TestRegexp(t *testing.T) {
	t.Parallel()
	const pattern = `(?P<host>\S+) is (?:(?P<up>up)|(?P<down>down))`
	decodetest.Run(t, []decodetest.Test{
		{Name: "one", Dec: &Regexp{Pattern: pattern}, In: "status:\ndb1 is up\ndb2 is down", Want: `{"host":"db1","up":"up","down":null}`},
		{Name: "one without match", Dec: &Regexp{Pattern: pattern, Mode: "one"}, In: "ERROR", Fail: "regexp: no match", At: 0},
		{Name: "all", Dec: &Regexp{Pattern: pattern, Mode: "all"}, In: "db1 is up, db2 is down", Want: `[{"host":"db1","up":"up","down":null},{"host":"db2","up":null,"down":"down"}]`},
		{Name: "all without match", Dec: &Regexp{Pattern: pattern, Mode: "all"}, In: "x", Want: `[]`},
		{Name: "all with context", Dec: &Regexp{Pattern: `(?m)^(?<k>\w+)=(?<v>.*)$`, Mode: "all"}, In: "a=b=c\nx\nd=e", Want: `[{"k":"a","v":"b=c"},{"k":"d","v":"e"}]`},
		{Name: "all at the start only", Dec: &Regexp{Pattern: `^(?<k>.)`, Mode: "all"}, In: "aaa", Want: `[{"k":"a"}]`},
		{Name: "all with quoted pattern", Dec: &Regexp{Pattern: `\b(?<k>x)\Q(`, Mode: "all"}, In: "x(x( xx(", Want: `[{"k":"x"},{"k":"x"}]`},
		{Name: "all empty matches", Dec: &Regexp{Pattern: `(?<k>a*)`, Mode: "all"}, In: "baé", Want: `[{"k":""},{"k":"a"},{"k":""}]`},
		{Name: "lines", Dec: &Regexp{Pattern: `^(?<k>\w+)`, Mode: "lines"}, In: "a 1\r\nb 2\n", Want: `[{"k":"a"},{"k":"b"}]`},
		{Name: "lines unmatched", Dec: &Regexp{Pattern: `^(?<k>\w+)`, Mode: "lines"}, In: "a\n-\n", Fail: "regexp: no match in the line", At: 2},
		{Name: "lines skipped", Dec: &Regexp{Pattern: `^(?<k>\w+)`, Mode: "lines", Unmatched: "skip"}, In: "a\n\n-\nb", Want: `[{"k":"a"},{"k":"b"}]`},
		{Name: "lines empty", Dec: &Regexp{Pattern: `(?<k>x)`, Mode: "lines"}, In: "", Want: `[]`},
	})
}
