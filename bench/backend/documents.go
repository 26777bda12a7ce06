package main

import (
	"bytes"
	"fmt"
	"strings"
)

// Sizes of the larger documents.
const (
	xmlSize  = 4 << 10  // bytes, about
	htmlSize = 64 << 10 // bytes, about
	csvRows  = 10_000   // of ten columns, 1 MiB together
)

// latin1 encodes text of the first 256 characters.
func latin1(text string) []byte {
	out := make([]byte, 0, len(text))
	for _, r := range text {
		out = append(out, byte(r)) //nolint:gosec // the documents have no others
	}
	return out
}

func places() []string {
	return []string{"Genève", "Zürich", "Besançon", "Málaga", "Århus", "Köln", "Liège"}
}

// xmlBody returns a list of stations in ISO-8859-1.
func xmlBody() []byte {
	var b strings.Builder
	b.WriteString("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<network operator=\"Météo\">\n")
	for i := 0; b.Len() < xmlSize-120; i++ {
		fmt.Fprintf(&b, "  <station id=\"%d\">\n    <name>%s &amp; Fils</name>\n    <temp unit=\"C\">%d.%d</temp>\n    <note><![CDATA[a < b]]></note>\n  </station>\n",
			1000+i, places()[i%len(places())], 10+i%20, i%10)
	}
	b.WriteString("</network>\n")
	return latin1(b.String())
}

// csvBody returns a table of ten columns with a header, in UTF-8.
func csvBody() []byte {
	var b bytes.Buffer
	b.WriteString("id,station,time,temperature,humidity,pressure,wind,direction,state,note\r\n")
	for i := range csvRows {
		fmt.Fprintf(&b, "%06d,%s,2026-11-%02dT%02d:%02d:00Z,%d.%d,%d,%d.%d,%d.%d,%d,%s,\"row %d, of \"\"many\"\"%s\"\r\n",
			i, places()[i%len(places())], 1+i%28, i%24, i%60, 10+i%20, i%10, 30+i%60, 990+i%40, i%10, i%30, i%10, i%360,
			[]string{"ok", "degraded", "down"}[i%3], i, strings.Repeat(" x", i%16))
	}
	return b.Bytes()
}

// htmlBody returns an old page whose one table has a header and a row for each host, in ISO-8859-1.
func htmlBody() []byte {
	var b strings.Builder
	b.WriteString("<HTML><HEAD><TITLE>Hosts</TITLE></HEAD>\n<BODY bgcolor=white><h1>Hosts</h1>\n" +
		"<table border=1 cellpadding=2>\n<tr><th>Host</th><th>Place</th><th>Load</th><th>State</th></tr>\n")
	for i := 0; b.Len() < htmlSize-100; i++ {
		fmt.Fprintf(&b, "<tr class=\"r%d\"><td><a href=\"/host/%d\">host-%04d</a></td><td align=left>%s &amp; Cie</td><td>%d.%d</td><td><b>up</b></td></tr>\n",
			i%2, i, i, places()[i%len(places())], i%4, i%10)
	}
	b.WriteString("</table></BODY></HTML>\n")
	return latin1(b.String())
}
