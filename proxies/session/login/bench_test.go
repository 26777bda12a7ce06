package login

import (
	"strings"
	"testing"
)

func BenchmarkBombs(b *testing.B) {
	for name, s := range map[string]string{
		"attributes": "<form " + strings.Repeat("action=b ", 110_000) + ">", "lt": strings.Repeat("<", 1<<20), "comments": strings.Repeat("<!--", 1<<18),
		"utf8": strings.Repeat("\xff\xc3<p \xe2\x82=\xf0>", 100_000), "scripts": "<script>" + strings.Repeat("<!--<script", 90_000), "option": "<form><select><option>" + strings.Repeat("a<b>", 250_000),
		"noscript": strings.Repeat("<noscript>", 100_000), "template": strings.Repeat("<template>", 100_000), "fieldset": strings.Repeat("<fieldset disabled>", 50_000) + strings.Repeat("<input>", 1000),
		"button": "<form><button>" + strings.Repeat("<b>a", 250_000), "entities": "<form action='" + strings.Repeat("&notit;", 140_000) + "'>", "text": strings.Repeat("&", 1<<20), "a": strings.Repeat("a</", 300_000),
		"submit": strings.Repeat("<script>a</script>", 50_000), "rcdata": "<textarea>" + strings.Repeat("</texta", 140_000), "inputs": "<form>" + strings.Repeat("<input>", 1000) + strings.Repeat("<p a=b>", 100_000),
		"hugename": "<form method=post><input name='" + strings.Repeat("aB-", 300_000) + "'><input type=password name=p>", "manynames": "<form method=post>" + strings.Repeat("<input name='"+strings.Repeat("aB-", 300)+"'>", 1000) + "<input type=password name=p>",
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(s)))
			for b.Loop() {
				p, err := readPage([]byte(s), "utf-8")
				if err != nil {
					continue
				}
				p.login(&Config{})
				p.asksForCode(false)
				p.asksForUser()
				p.approvals()
				p.posted()
			}
		})
	}
}
