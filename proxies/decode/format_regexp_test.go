package decode

import "testing"

func TestRegexp(t *testing.T) {
	t.Parallel()
	const pattern = `(?P<host>\S+) is (?:(?P<up>up)|(?P<down>down))`
	runDecodeTests(t, []decodeTest{
		{name: "one", dec: &Regexp{Pattern: pattern}, in: "status:\ndb1 is up\ndb2 is down", want: `{"host":"db1","up":"up","down":null}`},
		{name: "one without match", dec: &Regexp{Pattern: pattern, Mode: "one"}, in: "ERROR", fail: "regexp: no match", at: 0},
		{name: "all", dec: &Regexp{Pattern: pattern, Mode: "all"}, in: "db1 is up, db2 is down", want: `[{"host":"db1","up":"up","down":null},{"host":"db2","up":null,"down":"down"}]`},
		{name: "all without match", dec: &Regexp{Pattern: pattern, Mode: "all"}, in: "x", want: `[]`},
		{name: "all with context", dec: &Regexp{Pattern: `(?m)^(?<k>\w+)=(?<v>.*)$`, Mode: "all"}, in: "a=b=c\nx\nd=e", want: `[{"k":"a","v":"b=c"},{"k":"d","v":"e"}]`},
		{name: "all at the start only", dec: &Regexp{Pattern: `^(?<k>.)`, Mode: "all"}, in: "aaa", want: `[{"k":"a"}]`},
		{name: "all with quoted pattern", dec: &Regexp{Pattern: `\b(?<k>x)\Q(`, Mode: "all"}, in: "x(x( xx(", want: `[{"k":"x"},{"k":"x"}]`},
		{name: "all empty matches", dec: &Regexp{Pattern: `(?<k>a*)`, Mode: "all"}, in: "baé", want: `[{"k":""},{"k":"a"},{"k":""}]`},
		{name: "lines", dec: &Regexp{Pattern: `^(?<k>\w+)`, Mode: "lines"}, in: "a 1\r\nb 2\n", want: `[{"k":"a"},{"k":"b"}]`},
		{name: "lines unmatched", dec: &Regexp{Pattern: `^(?<k>\w+)`, Mode: "lines"}, in: "a\n-\n", fail: "regexp: no match in the line", at: 2},
		{name: "lines skipped", dec: &Regexp{Pattern: `^(?<k>\w+)`, Mode: "lines", Unmatched: "skip"}, in: "a\n\n-\nb", want: `[{"k":"a"},{"k":"b"}]`},
		{name: "lines empty", dec: &Regexp{Pattern: `(?<k>x)`, Mode: "lines"}, in: "", want: `[]`},
	})
}
