package lines

import (
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
)

func TestGrok(t *testing.T) {
	t.Parallel()
	access := &Regexp{Grok: "%{COMBINEDAPACHELOG}", Types: map[string]string{"response": "int", "bytes": "int"}}
	stack := &Regexp{Grok: `%{TIMESTAMP_ISO8601:at} %{LOGLEVEL:level} %{GREEDYDATA:text}`, Begins: `^\d{4}-`}
	decodetest.Run(t, []decodetest.Test{
		{Name: "types", Dec: &Regexp{Grok: `%{IP:client} %{NUMBER:bytes:int} %{NUMBER:t:float} %{BOOL:ok:bool}`}, In: "10.0.0.1 +007 .5 yes\n2001:db8::1 1 1.50 False\r\n", Want: `[{"client":"10.0.0.1","bytes":7,"t":0.5,"ok":true},{"client":"2001:db8::1","bytes":1,"t":1.50,"ok":false}]`},
		{Name: "a group that is not of its type", Dec: &Regexp{Grok: `^%{NOTSPACE:n:int}`}, In: "1\n1.5\n", Fail: "not of its type in the line", At: 2},
		{Name: "no match", Dec: &Regexp{Grok: `^%{INT:n:int}$`}, In: "1\nx\n", Fail: "no match in the line", At: 2},
		{Name: "skip", Dec: &Regexp{Grok: `^%{INT:n:int}$`, Unmatched: "skip"}, In: "1\nx\n2", Want: `[{"n":1},{"n":2}]`},
		{Name: "null", Dec: &Regexp{Grok: `^%{NOTSPACE:n:int}$`, Unmatched: "null"}, In: "1\nx\n\n2", Want: `[{"n":1},null,null,{"n":2}]`},
		{Name: "own pattern", Dec: &Regexp{Grok: `%{JOB:job}`, Mode: "one", Patterns: []GrokPattern{{"JOB", "%{LETTER}{3}%{INT}"}, {"LETTER", "[A-Z]"}}}, In: "x JOB17", Want: `{"job":"JOB17"}`},
		{Name: "apache", Dec: access, In: `10.0.0.1 - ada [21/Nov/2025:07:01:02 +0100] "GET /a?b=c HTTP/1.1" 200 - "-" "Mozilla \"5\""`, Want: `[{"clientip":"10.0.0.1","ident":"-","auth":"ada","timestamp":"21/Nov/2025:07:01:02 +0100","verb":"GET","request":"/a?b=c","httpversion":"1.1","rawrequest":null,"response":200,"bytes":null,"referrer":"\"-\"","agent":"\"Mozilla \\\"5\\\"\""}]`},
		{Name: "syslog", Dec: &Regexp{Grok: "%{SYSLOGLINE}"}, In: "Nov  1 07:01:02 node7 sshd[17]: Accepted key", Want: `[{"timestamp":"Nov  1 07:01:02","facility":null,"priority":null,"logsource":"node7","program":"sshd","pid":"17","message":"Accepted key"}]`},
		{Name: "begins", Dec: stack, In: "2025-11-21 07:00:00,123 ERROR boom\njava.lang.X\r\n\tat a\n2025-11-21T07:00:01Z INFO ok\n", Want: `[{"at":"2025-11-21 07:00:00,123","level":"ERROR","text":"boom\njava.lang.X\n\tat a"},{"at":"2025-11-21T07:00:01Z","level":"INFO","text":"ok"}]`},
		{Name: "begins late", Dec: stack, In: "rest\n2025-11-21T07:00:01Z INFO ok\n", Fail: "no match", At: 0},
		{Name: "types of a plain pattern", Dec: &Regexp{Pattern: `(?P<a>\S+) (?P<b>\S*)`, Types: map[string]string{"a": "number", "b": "int"}}, In: "1e5 ", Want: `{"a":1e5,"b":null}`},
		{Name: "not of its type in the text", Dec: &Regexp{Pattern: `(?P<a>\S+)`, Types: map[string]string{"a": "number"}}, In: "x", Fail: "not of its type", At: 0},
	})
}

// TestGrokPatterns holds every pattern that is built in to compiling, and some to what they take.
func TestGrokPatterns(t *testing.T) {
	t.Parallel()
	for name := range grokPatterns() {
		if err := (&Regexp{Grok: "%{" + name + ":x}"}).Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, texts := range map[string][]string{
		"IP":  {"127.0.0.1", "255.255.255.255", "::", "::1", "fe80::1%eth0", "2001:db8:0:0:0:0:0:1", "2001:db8::7:1", "::ffff:10.0.0.1", "1:2:3:4:5:6:7::", "1::8", "64:ff9b::192.0.2.33"},
		"MAC": {"00:1b:63:84:45:e6", "001b.6384.45e6", "00-1B-63-84-45-E6"}, "UUID": {"123e4567-e89b-12d3-a456-426614174000"}, "NUMBER": {"1", "-1.5", ".5", "+1e-3"},
		"URI": {"https://example.org", "http://u:p@h:80/a?b=c#d", "ftp://[::1]/x"}, "TIMESTAMP_ISO8601": {"2025-11-21T07:01:02.123+01:00", "2025-11-21 07:01:02,123", "2025-01-02T03:04Z"},
		"HTTPDATE": {"21/Nov/2025:07:01:02 +0100"}, "EMAILADDRESS": {"a.b+c@example.org"}, "PATH": {"/var/log/x", `C:\\a\\b`}, "QS": {`"a\"b"`, "'x'"}, "HOSTPORT": {"example.org:80", "10.0.0.1:443"},
		"LOGLEVEL": {"WARN", "information", "Error"}, "DATESTAMP_RFC2822": {"Fri, 21 Nov 2025 07:01:02 +0100"}, "DATE_EU": {"21.11.2025", "1.2.24"}, "SYSLOGTIMESTAMP": {"Nov  1 07:01:02"},
	} {
		for _, text := range texts {
			d := &Regexp{Grok: "^%{" + name + ":x}$", Mode: "one"}
			if err := d.Check(); err != nil {
				t.Fatal(err)
			}
			if err := d.Decode(t.Context(), &decode.Input{Body: []byte(text)}, decode.NewTree(decode.Limits{})); err != nil {
				t.Errorf("%s does not take %s", name, text)
			}
		}
	}
}

func TestGrokCheck(t *testing.T) {
	t.Parallel()
	for want, d := range map[string]*Regexp{
		`there is no pattern "IPP"`:  {Grok: "%{IPP:a}"},
		"in a circle":                {Grok: "%{A:a}", Patterns: []GrokPattern{{"A", "%{B}"}, {"B", "%{A}"}}},
		"more than 65536 bytes":      {Grok: "%{A:a}", Patterns: []GrokPattern{{"A", strings.Repeat("%{B}", 300)}, {"B", strings.Repeat("%{INT}", 300)}}},
		"%{ without }":               {Grok: "%{IP:a"},
		"want %{NAME:group:type}":    {Grok: "%{IP:a:int:x}"},
		"letters, digits and _":      {Grok: "%{IP:a-b}"},
		"want the type":              {Grok: "%{IP:a:long}"},
		"no named group":             {Grok: "%{IP}"},
		`two groups named "a"`:       {Grok: "%{IP:a} %{IP:a}"},
		"pattern A is there twice":   {Grok: "%{A:a}", Patterns: []GrokPattern{{"A", "x"}, {"A", "y"}}},
		"pattern A is empty":         {Grok: "%{A:a}", Patterns: []GrokPattern{{"A", ""}}},
		`pattern "A-B"`:              {Grok: "%{INT:a}", Patterns: []GrokPattern{{"A-B", "x"}}},
		"pattern needs grok":         {Pattern: "(?P<a>x)", Patterns: []GrokPattern{{"A", "x"}}},
		"exclude each other":         {Grok: "%{INT:a}", Pattern: "(?P<a>x)"},
		`unmatched "drop"`:           {Grok: "%{INT:a}", Unmatched: "drop"},
		"unmatched needs mode lines": {Grok: "%{INT:a}", Mode: "all", Unmatched: "skip"},
		"begins needs mode lines":    {Pattern: "(?P<a>x)", Begins: "^x"},
		"begins: ":                   {Grok: "%{INT:a}", Begins: "("},
		`there is no group "b"`:      {Grok: "%{INT:a}", Types: map[string]string{"b": "int"}},
		`type "date" of the group a`: {Grok: "%{INT:a}", Types: map[string]string{"a": "date"}},
		"pattern is missing":         {},
	} {
		if err := d.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %s", err, want)
		}
	}
}

func grokVariants() []*Regexp {
	return []*Regexp{
		{Grok: "%{COMBINEDAPACHELOG}", Unmatched: "null"},
		{Grok: "%{INT:a:int}", Unmatched: "skip"},
		{Grok: "^%{NOTSPACE:a:number} %{GREEDYDATA:b}", Begins: `^\d`, Unmatched: "null"},
		{Grok: "%{SYSLOGLINE}"},
		{Grok: "%{URI:uri}", Mode: "all"},
		{Grok: "%{IP:ip}", Mode: "one"},
	}
}

func FuzzGrok(f *testing.F) {
	for _, s := range []string{"", "1\n2", "1 a\n b\n2 c\n", "x\n1.5 y\r\n z", "Nov  1 07:01:02 node7 sshd[17]: Accepted key\n", `1.1.1.1 - - [21/Nov/2025:07:01:02 +0100] "GET / HTTP/1.1" 200 1 "-" "-"`, "http://[::1]:80/"} {
		f.Add([]byte(s), uint8(0))
		f.Add([]byte(s), uint8(2))
	}
	variants := grokVariants()
	for _, d := range variants {
		if err := d.Check(); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, which uint8) {
		d := variants[int(which)%len(variants)]
		if _, err := decodetest.Both(t, d, body); err != nil && strings.Contains(err.Error(), "UTF-8") {
			return
		}
		decodetest.StreamAgrees(t, d, body)
	})
}
