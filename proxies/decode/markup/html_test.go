package markup

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
	"github.com/fairway-gateway/fairway/proxies/decode/typed"
)

func TestHTMLTables(t *testing.T) {
	t.Parallel()
	table := func(d HTML) *HTML {
		if d.Table == nil {
			d.Table = new("")
		}
		return &d
	}
	decodetest.Run(t, []decodetest.Test{
		{Name: "thead", Dec: table(HTML{}), In: `<table><thead><tr><th>a<th>b</thead><tr><td>1<td>2</table>`, Want: `[{"a":"1","b":"2"}]`},
		{Name: "th row", Dec: table(HTML{}), In: `<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td> 2&nbsp;3 </td></tr></table>`, Want: `[{"a":"1","b":"2 3"}]`},
		{Name: "first row", Dec: table(HTML{}), In: `<TABLE><TR><TD>a<TD>b<TR><TD>1<TD>2</TABLE>`, Want: `[{"a":"1","b":"2"}]`},
		{Name: "th column", Dec: table(HTML{}), In: `<table><tr><th>a<td>1<tr><th>b<td>2</table>`, Want: `[{"a":"1","b":"2"}]`},
		{Name: "th column of two records", Dec: table(HTML{}), In: `<table><tr><th>a<td>1<td>3<tr><th>b<td>2</table>`, Want: `[{"a":"1","b":"2"},{"a":"3","b":null}]`},
		{Name: "td column", Dec: table(HTML{Header: "column"}), In: `<table><tr><td>a<td>1<tr><td>b<td>2</table>`, Want: `[{"a":"1","b":"2"}]`},
		{Name: "none", Dec: table(HTML{Header: "none"}), In: `<table><tr><th>a<td>1<tr><td>b</table>`, Want: `[["a","1"],["b",null]]`},
		{Name: "columns", Dec: table(HTML{Columns: []string{"x", "y"}}), In: `<table><tr><td>a<td>1<tr><td>b<td>2</table>`, Want: `[{"x":"a","y":"1"},{"x":"b","y":"2"}]`},
		{Name: "columns for a header", Dec: table(HTML{Columns: []string{"x", "y"}}), In: `<table><tr><th>a<th>1<tr><td>b<td>2</table>`, Want: `[{"x":"b","y":"2"}]`},
		{Name: "columns, but not so many", Dec: table(HTML{Columns: []string{"x", "y"}}), In: `<table><tr><td>a</table>`, Fail: "columns names 2 columns, the table has 1"},
		{Name: "colspan", Dec: table(HTML{}), In: `<table><tr><th>a<th>b<tr><td colspan=2>both</table>`, Want: `[{"a":"both","b":"both"}]`},
		{Name: "colspan too large", Dec: table(HTML{}), In: `<table><tr><th>a<th>b<tr><td colspan=100000>both</table>`, Want: `[{"a":"both","b":"both"}]`},
		{Name: "rowspan", Dec: table(HTML{}), In: `<table><tr><th>a<th>b<tr><td rowspan=2>x<td>1<tr><td>2<tr><td>y<td>3</table>`, Want: `[{"a":"x","b":"1"},{"a":"x","b":"2"},{"a":"y","b":"3"}]`},
		{Name: "rowspan to the end", Dec: table(HTML{}), In: `<table><tr><th>a<th>b<tr><td rowspan=0>x<td>1<tr><td>2<tbody><tr><td>y<td>3</table>`, Want: `[{"a":"x","b":"1"},{"a":"x","b":"2"},{"a":"y","b":"3"}]`},
		{Name: "rowspan and colspan", Dec: table(HTML{Header: "none"}), In: `<table><tr><td rowspan=2 colspan=2>x<td>1<tr><td>2<tr><td>a<td>b<td>c</table>`, Want: `[["x","x","1"],["x","x","2"],["a","b","c"]]`},
		{Name: "header of two rows", Dec: table(HTML{}), In: `<table><tr><th rowspan=2>n<th colspan=2>t<tr><th>min<th>max<tr><td>x<td>1<td>2</table>`, Want: `[{"n":"x","t min":"1","t max":"2"}]`},
		{Name: "title row", Dec: table(HTML{}), In: `<table><tr><th colspan=2>Report<tr><td>a<td>b<tr><td>1<td>2</table>`, Want: `[{"a":"1","b":"2"}]`},
		{Name: "duplicate and empty names", Dec: table(HTML{}), In: `<table><tr><th>a<th>a<th><th>a_2<tr><td>1<td>2<td>3<td>4</table>`, Want: `[{"a":"1","a_3":"2","column_3":"3","a_2":"4"}]`},
		{Name: "ragged", Dec: table(HTML{}), In: `<table><tr><th>a<th>b<tr><td>1<tr><td>1<td>2<td>3</table>`, Want: `[{"a":"1","b":null,"column_3":null},{"a":"1","b":"2","column_3":"3"}]`},
		{Name: "footer", Dec: table(HTML{}), In: `<table><tr><th>a<tfoot><tr><td>sum<tbody><tr><td>1</table>`, Want: `[{"a":"1"}]`},
		{Name: "footer kept", Dec: table(HTML{Footer: "keep"}), In: `<table><tr><th>a<tbody><tr><td>1<tfoot><tr><td>sum</table>`, Want: `[{"a":"1"},{"a":"sum"}]`},
		{Name: "hidden", Dec: table(HTML{Hidden: "drop"}), In: `<table><tr><th>a<tr hidden><td>1<tr style="color:red; DISPLAY : none"><td>2<tr><td>3</table>`, Want: `[{"a":"3"}]`},
		{Name: "repeated header", Dec: table(HTML{}), In: `<table><tr><th>a<th>b<tr><td>1<td>2<tr><th>a<th>b<tr><td>3<td>4</table>`, Want: `[{"a":"1","b":"2"},{"a":"3","b":"4"}]`},
		{Name: "headings between rows", Dec: table(HTML{}), In: `<table><tr><th>a<th>b<tr><th colspan=2>Group<tr><td>3<td>4</table>`, Want: `[{"a":"3","b":"4"}]`},
		{Name: "caption and cols", Dec: table(HTML{}), In: `<table><caption>C</caption><colgroup><col></colgroup><tr><th>a<tr><td>1</table>`, Want: `[{"a":"1"}]`},
		{Name: "layout around", Dec: table(HTML{}), In: `<table><tr><td>menu<td><table><tr><th>a<tr><td>1</table></table>`, Want: `[{"a":"1"}]`},
		{Name: "nested is text", Dec: table(HTML{Table: new("#t")}), In: `<table id=t><tr><th>a<tr><td>x<table><tr><td>1<td>2</table>y</table>`, Want: `[{"a":"x 1 2 y"}]`},
		{Name: "by class", Dec: table(HTML{Table: new(".data")}), In: `<table><tr><td>no</table><table class="x data"><tr><th>a<tr><td>1</table>`, Want: `[{"a":"1"}]`},
		{Name: "by what it is in", Dec: table(HTML{Table: new("#box")}), In: `<table><tr><td>no</table><div id=box><table><tr><th>a<tr><td>1</table></div>`, Want: `[{"a":"1"}]`},
		{Name: "by selector", Dec: table(HTML{Table: new("div > table:nth-of-type(2)")}), In: `<div><table><tr><td>no</table><table><tr><th>a<tr><td>1</table></div>`, Want: `[{"a":"1"}]`},
		{Name: "types", Dec: table(HTML{Null: []string{"-"}, Typed: []HTMLColumn{{"i", typed.ValueType{Type: "integer"}}, {"d", typed.ValueType{Type: "date", Layout: "02.01.2006"}}, {"b", typed.ValueType{Type: "bool"}}, {"n", typed.ValueType{Type: "number"}}}}), In: `<table><tr><th>i<th>d<th>b<th>n<th>s<tr><td>+007<td>24.12.2025<td>Yes<td>.5<td>-<tr><td>-<td><td>0<td>-1e5<td>x</table>`, Want: `[{"i":7,"d":"2025-12-24","b":true,"n":0.5,"s":null},{"i":null,"d":null,"b":false,"n":-1e5,"s":"x"}]`},
		{Name: "type that is wrong", Dec: table(HTML{Typed: []HTMLColumn{{"i", typed.ValueType{Type: "integer"}}}}), In: `<table><tr><th>i<tr><td>1<tr><td>x</table>`, Fail: `row 2, column "i": "x" is no integer, in the document that starts at byte 0`},
		{Name: "column that is missing", Dec: table(HTML{Typed: []HTMLColumn{{"i", typed.ValueType{}}}}), In: `<table><tr><th>a<th>b<th>c<th>d<tr><td>1</table>`, Fail: `no column "i" in the table, but "a", "b", "c" and 1 more`},
		{Name: "no table", Dec: table(HTML{}), In: `<form>log in</form>`, Fail: "there is no table at all"},
		{Name: "not this table", Dec: table(HTML{Table: new("#t")}), In: `<table></table>`, Fail: "there is no table for #t"},
		{Name: "no table is fine", Dec: table(HTML{Empty: true}), In: ``, Want: `[]`},
		{Name: "empty table", Dec: table(HTML{}), In: `<table></table>`, Want: `[]`},
		{Name: "header alone", Dec: table(HTML{}), In: `<table><thead><tr><th>a</table>`, Want: `[]`},
		{Name: "cut off", Dec: table(HTML{}), In: `<table><tr><th>a<tr><td>1<tr><td>2`, Want: `[{"a":"1"},{"a":"2"}]`},
		{Name: "breaks", Dec: table(HTML{Breaks: "newline"}), In: `<table><tr><th>a<tr><td>1<br>2<p>3</table>`, Want: `[{"a":"1\n2\n3"}]`},
		{Name: "scripts", Dec: table(HTML{}), In: `<script>"<table>"</script><table><tr><th>a<tr><td>1<script>x("</td>")</script>2<style>y</style></table>`, Want: `[{"a":"12"}]`},
		{Name: "tables", Dec: &HTML{Tables: new("")}, In: `<table><tr><td><table><tr><th>a<tr><td>1</table></table><table><tr><th>b</table>`, Want: `[[{"a":"1"}],[]]`},
		{Name: "tables by selector", Dec: &HTML{Tables: new("table.x, div")}, In: `<table class=x><tr><th>a<tr><td>1</table><div><table><tr><th>b<tr><td>2</table></div>`, Want: `[[{"a":"1"}],[{"b":"2"}]]`},
	})
}

func TestHTMLRecords(t *testing.T) {
	t.Parallel()
	page := `<title>T</title><div class=item data-id=1><h2>One &amp; only</h2><a href="../x?a=1&b">go</a><i>3 pcs</i></div><div class=item data-id=2><h2>Two</h2></div>`
	some := "none"
	decodetest.Run(t, []decodetest.Test{
		{Name: "nothing asked", Dec: new(HTML), In: page + `<table><tr><th>a<tr><td>1</table>`, Want: `{"title":"T","text":"One & only\ngo3 pcs\nTwo\na\n1","links":[{"text":"go","href":"../x?a=1&b"}],"tables":[[{"a":"1"}]]}`},
		{Name: "an empty document", Dec: new(HTML), In: ``, Want: `{"title":null,"text":"","links":[],"tables":[]}`},
		{Name: "texts", Dec: &HTML{Select: "h2"}, In: page, Want: `["One & only","Two"]`},
		{Name: "records", Dec: &HTML{Select: ".item", Fields: []HTMLField{
			{Name: "id", Selector: ".", Take: "attr", Attr: "data-id", ValueType: typed.ValueType{Type: "integer"}},
			{Name: "name", Selector: "h2"},
			{Name: "pieces", Selector: "i", Match: `^(\d+) pcs$`, ValueType: typed.ValueType{Type: "integer"}, Optional: true},
			{Name: "link", Selector: "> a", Take: "attr", Attr: "href", Default: &some},
		}}, In: page, Want: `[{"id":1,"name":"One & only","pieces":3,"link":"../x?a=1&b"},{"id":2,"name":"Two","pieces":null,"link":"none"}]`},
		{Name: "the document is the record", Dec: &HTML{Fields: []HTMLField{{Name: "title", Selector: "title"}, {Name: "names", Selector: "h2", All: true}, {Name: "no", Selector: "h3", All: true, Optional: true}, {Name: "inner", Selector: ".item", Take: "html"}}}, In: page, Want: `{"title":"T","names":["One & only","Two"],"no":[],"inner":"<h2>One &amp; only</h2><a href=\"../x?a=1&amp;b\">go</a><i>3 pcs</i>"}`},
		{Name: "a table in a record", Dec: &HTML{Header: "column", Fields: []HTMLField{{Name: "t", Selector: "div", Take: "table"}}}, In: `<div><table><tr><td>a<td>1</table></div>`, Want: `{"t":[{"a":"1"}]}`},
		{Name: "required", Dec: &HTML{Select: ".item", Fields: []HTMLField{{Name: "link", Selector: "a"}}}, In: page, Fail: `record 2, field "link": nothing matches a, in the document that starts at byte 0`},
		{Name: "required of the document", Dec: &HTML{Fields: []HTMLField{{Name: "x", Selector: "h1, h3"}}}, In: page, Fail: `field "x": nothing matches h1, h3`},
		{Name: "no records", Dec: &HTML{Select: ".row"}, In: page, Fail: "nothing matches .row"},
		{Name: "no records are fine", Dec: &HTML{Select: ".row", Empty: true}, In: page, Want: `[]`},
		{Name: "no attribute", Dec: &HTML{Fields: []HTMLField{{Name: "x", Selector: "div", Take: "attr", Attr: "id"}}}, In: page, Fail: "there is no attribute id"},
		{Name: "no match", Dec: &HTML{Fields: []HTMLField{{Name: "x", Selector: "i", Match: "^x"}}}, In: page, Fail: `field "x": its text does not match`},
		{Name: "no number", Dec: &HTML{Fields: []HTMLField{{Name: "x", Selector: "i", ValueType: typed.ValueType{Type: "number"}}}}, In: page, Fail: `"3 pcs" is no number`},
		{Name: "depth", Dec: new(HTML), In: strings.Repeat("<div>", 600), Fail: "more than 512 elements inside each other", At: -1},
		{
			Name: "textarea", Dec: &HTML{Breaks: "newline", Fields: []HTMLField{{Name: "x", Selector: "textarea"}}},
			In: "<TEXTAREA rows=9>link  up\nlink down</TEXTAREA>", Want: `{"x":"link up\nlink down"}`,
		},
		{
			Name: "names with colons", Dec: &HTML{Table: new(string)}, In: "<table><tr><td><b>Model&nbsp;:</b><td>X 1<tr><td colspan=2>Ports<tr><td>Uptime:<td>3 days: 1 h</table>",
			Want: `[{"Model":"X 1","Uptime":"3 days: 1 h"}]`,
		},
		{
			Name: "colons on both sides", Dec: &HTML{Table: new(string)}, In: "<table><tr><td>a:<td>b:<tr><td>c:<td>1</table>",
			Want: `[{"a:":"c:","b:":"1"}]`,
		},
		{
			Name: "names with colons, own columns", Dec: &HTML{Table: new(string), Columns: []string{"k", "v"}}, In: "<table><tr><td>a:<td>1<tr><td>b:<td>2</table>",
			Want: `[{"k":"a:","v":"1"},{"k":"b:","v":"2"}]`,
		},
		{Name: "pre", Dec: &HTML{Breaks: "newline", Fields: []HTMLField{{Name: "x", Selector: "pre"}}}, In: "<pre>\na  b\n<b>c</b>\n\nd</pre>", Want: `{"x":"a b\nc\nd"}`},
	})
}

func TestHTMLCheck(t *testing.T) {
	t.Parallel()
	empty := ""
	for want, d := range map[string]*HTML{
		`select: selector "div[": `:                    {Select: "div["},
		`field x: selector "a::before": `:              {Fields: []HTMLField{{Name: "x", Selector: "a::before"}}},
		`field x: the selector is empty`:               {Fields: []HTMLField{{Name: "x"}}},
		`a field has no name`:                          {Fields: []HTMLField{{Selector: "a"}}},
		`field x is there twice`:                       {Fields: []HTMLField{{Name: "x", Selector: "a"}, {Name: "x", Selector: "b"}}},
		`field x: match: `:                             {Fields: []HTMLField{{Name: "x", Selector: "a", Match: "("}}},
		`field x: match has more than one group`:       {Fields: []HTMLField{{Name: "x", Selector: "a", Match: "(a)(b)"}}},
		`field x: default: "" is no integer`:           {Fields: []HTMLField{{Name: "x", Selector: "a", Default: &empty, ValueType: typed.ValueType{Type: "integer"}}}},
		`field x: default excludes optional`:           {Fields: []HTMLField{{Name: "x", Selector: "a", Default: &empty, Optional: true}}},
		`field x: take "foo"`:                          {Fields: []HTMLField{{Name: "x", Selector: "a", Take: "foo"}}},
		`field x: attr needs`:                          {Fields: []HTMLField{{Name: "x", Selector: "a", Take: "attr"}}},
		`field x: type "int"`:                          {Fields: []HTMLField{{Name: "x", Selector: "a", ValueType: typed.ValueType{Type: "int"}}}},
		`field x: date needs a layout`:                 {Fields: []HTMLField{{Name: "x", Selector: "a", ValueType: typed.ValueType{Type: "date"}}}},
		`field x: the layout "dd.mm.yyyy" has no part`: {Fields: []HTMLField{{Name: "x", Selector: "a", ValueType: typed.ValueType{Type: "date", Layout: "dd.mm.yyyy"}}}},
		`table and tables exclude each other`:          {Table: &empty, Tables: &empty},
		`select and field do not go with table`:        {Table: &empty, Select: "a"},
		`empty needs select`:                           {Empty: true},
		`header "frist"`:                               {Table: &empty, Header: "frist"},
		`header, columns, column, footer and hidden`:   {Select: "a", Header: "none"},
		`columns and column need table`:                {Columns: []string{"a"}},
		`columns: "a" is empty or there twice`:         {Table: &empty, Columns: []string{"a", "a"}},
		`column x: type "text"`:                        {Table: &empty, Typed: []HTMLColumn{{"x", typed.ValueType{Type: "text"}}}},
		`column x is none of columns`:                  {Table: &empty, Columns: []string{"a"}, Typed: []HTMLColumn{{"x", typed.ValueType{}}}},
		`footer "top": want keep or drop`:              {Table: &empty, Footer: "top"},
	} {
		if err := d.Check(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("the error is %v, want %s", err, want)
		}
	}
}

// TestHTMLHostile holds bodies that are small as text and huge as a tree, or slow, to a limit or a value.
func TestHTMLHostile(t *testing.T) {
	t.Parallel()
	fill := func(s string) string { return strings.Repeat(s, 1<<18/len(s)) }
	numbered := func(format string, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	options := map[string]*HTML{
		"overview": {}, "table": {Table: new("")}, "tables": {Tables: new("table")},
		"selector": {Select: "body div > div p, x ~ p ~ p, p:nth-last-of-type(2n+1)", Empty: true, Fields: []HTMLField{{Name: "a", Selector: "div p + p", Optional: true}}},
		"nested":   {Select: "div", Empty: true, Fields: []HTMLField{{Name: "a", Selector: "."}, {Name: "b", Selector: "p p", Optional: true}}},
	}
	bodies := map[string]string{
		"open b": fill("<b>"), "open p": fill("<p>"), "b and p": fill("<b><p>x"), "different b": numbered("<b a=%d>", 20000),
		"reopened":   "<p>" + numbered("<font size=%d>", 100) + fill("<p>x"),
		"reopened 2": numbered("<div><b a=%d></div>", 120) + fill("<p>x</p>"),
		"hidden":     "<div>" + numbered("<b a=%d><object><table></object></table></b>", 120) + fill("</object>")[:1200] + "</div>" + fill("<p>x</p>"),
		"tables":     fill("<table>"), "nested tables": fill("<table><tr><td>"), "cells": "<table><tr>" + fill("<td>"), "rows": "<table>" + fill("<tr><td>"),
		"many columns, then rows": "<table><tr>" + strings.Repeat("<td>a", 1000) + fill("<tr><td>b"),
		"colspan":                 "<table><tr><td>" + fill("<tr><td colspan=1000>a<td>b"), "rowspan": "<table><tr>" + strings.Repeat("<td rowspan=65534>a", 1000) + fill("<tr><td>b"),
		"divs and p": strings.Repeat("<div>", 400) + fill("<p>"), "links": fill("<a href=x>"), "attributes": "<b " + numbered("a%d=1 ", 30000) + ">",
		"attributes 2": fill("<b " + numbered("a%d ", 200) + ">"), "comment": fill("<!--"), "lt": fill("<"), "script": fill("<script>"), "select": fill("<select><option>"),
		"svg": fill("<svg><p>"), "template": fill("<template>"), "end tags": fill("</b></p>"), "li": fill("<ul><li>"), "entities": fill("&amp"), "nul": fill("\x00"),
		"form": fill("<form><button>"), "frameset": fill("<frameset><frame>"), "text in table": "<table>" + fill("x<b>"),
	}
	for _, d := range options {
		if err := d.Check(); err != nil {
			t.Fatal(err)
		}
	}
	for name, body := range bodies {
		for option, d := range options {
			t.Run(name+" "+option, func(t *testing.T) {
				t.Parallel()
				err := d.Decode(t.Context(), &decode.Input{Body: []byte(body)}, decode.NewWriter(nil, decode.Limits{}))
				var limit *decode.LimitError
				var syntax *decode.SyntaxError
				if err != nil && !errors.As(err, &limit) && !errors.As(err, &syntax) {
					t.Error(err)
				}
			})
		}
	}
}

// TestHTMLTwoWays holds the reader of tokens to the tree.
func TestHTMLTwoWays(t *testing.T) {
	t.Parallel()
	for _, body := range htmlTableBodies() {
		sameTable(t, body)
	}
}

func htmlTableBodies() []string {
	return []string{
		`<table><tr><td>a<tr><td>b</table>`, `<table><td>a<th>b</td>c</th>d</table>`, `<table><caption>x<tr><td>a</caption>b</table>`,
		`<p>x<table>text<tr>more<td>a</tr>b<td>c</tbody>d<tr><td>e</table>f`, `<table><tr><td><div>a</div>b<p>c</p>d</table>`,
		`<table><tr><td>a</div>b</p>c</table>`, `<table><tr><td><ul><li>a<li>b</ul>c</table>`, `<table><thead><tr><td>a</tbody><td>b<tfoot><td>c</thead><td>d</table>`,
		`<table><tr><td>a<form><td>b</form>c</table>`, `<table><tr><td><b>a<td>b</b>c</table>`, `<table><tr><td>a<!-- <td> -->b<script><td></script>c</table>`,
		`<table><tr hidden><td colspan=2 colspan=3>a<td>b<tr><td rowspan=x>c</table>`, `<table><tr><td>a</br>b<br/>c<hr>d</table>`, `<td>x<tr><table><td>a`,
		`<table><tr><td>a&nbsp;&#160;b&eacutec&amp;lt;&#0;d</table>`, `<table><col><tr><td>a<colgroup><td>b</table>`, `<table></table><table><tr><td>x</table>`,
		"<table><tr><td>a\r\nb\x00c</table>", `<table><tr><td><a href=x>a<a href=y>b</table>`, `<table><tr><td><table><tr><td>in</table>out</table>`,
	}
}

func sameTable(t *testing.T, body string) {
	t.Helper()
	direct := &HTML{Table: new(""), Header: "none", Footer: "keep", Empty: true}
	if err := direct.Check(); err != nil {
		t.Fatal(err)
	}
	tree := *direct
	tree.direct = false
	var got [2]string
	var errs [2]error
	for i, d := range []*HTML{direct, &tree} {
		w := decode.NewWriter(nil, decode.Limits{})
		errs[i] = d.Decode(t.Context(), &decode.Input{Body: []byte(body)}, w)
		got[i] = string(w.Bytes())
	}
	if errs[0] == nil && errs[1] == nil && got[0] != got[1] {
		t.Errorf("%s (-tree +tokens):\n%s", body, cmp.Diff(got[1], got[0]))
	}
}

func TestFactorHTML(t *testing.T) {
	const size = 256 << 10
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	usual := `<tr class="row"><td>node-17</td><td><a href="/node/17">up</a></td><td>0.75</td></tr>`
	bodies := []string{
		fill("<p>"), fill("<p>a"), fill("a "), fill("<a href=x>a</a>"), fill("<br>"), fill("<b></b>"), fill("<i>x</i> "), fill("<!---->"),
		"<table><tr><th>a<th>b<th>c</tr>" + fill(usual) + "</table>", "<table>" + fill("<tr><td>"), "<table>" + fill("<tr><td>a"),
		"<table><tr>" + fill("<td>"), "<table><tr><td>a<td>b<td>c<td>d<td>e" + fill("<tr><td>a"), "<table><tr><td>a<td>b<td>c<td>d<td>e<td>f<td>g<td>h<td>i" + fill("<tr><td>a<td>b"),
		"<table>" + fill("<tr><td colspan=9>a<td>b"), fill("<table><td>a</table>"), fill(`<p class=x id=y title=z>`), fill("<a b>"), fill("<li>a"),
	}
	decodetest.CheckFactor(t, "html", new(HTML), bodies)
	decodetest.CheckFactor(t, "html table", &HTML{Table: new(""), Empty: true}, bodies)
	decodetest.CheckFactor(t, "html table, tree", &HTML{Table: new("body table"), Empty: true}, bodies)
	decodetest.CheckFactor(t, "html tables", &HTML{Tables: new(""), Empty: true}, bodies)
	decodetest.CheckFactor(t, "html texts", &HTML{Select: "p, a, td", Empty: true}, bodies)
	decodetest.CheckFactor(t, "html records", &HTML{Select: "p, tr, a, li", Empty: true, Fields: []HTMLField{{Name: "a", Selector: "td", Optional: true}, {Name: "b", Selector: "."}}}, bodies)
}

func FuzzHTML(f *testing.F) {
	seeds := htmlTableBodies()
	seeds = append(seeds, `<div class=item><a href="x">y</a></div>`, "<base href='//x/'><a href=y>", "<b><p></b></p>", "\xff<table><td>\xff", "<frameset><noframes>x")
	decodetest.Fuzz(f, seeds, new(HTML), &HTML{Table: new("")}, &HTML{Table: new("table")}, &HTML{Table: new("#a.b"), Empty: true}, &HTML{Tables: new("table"), Header: "2", Breaks: "newline"},
		&HTML{Table: new("body table"), Header: "column"}, &HTML{Table: new(""), Columns: []string{"a", "b"}, Typed: []HTMLColumn{{"a", typed.ValueType{Type: "integer"}}}},
		&HTML{Select: "div > p:nth-child(2n), td ~ td, :has(b), a[href]", Empty: true, Fields: []HTMLField{{Name: "x", Selector: ".", Take: "html"}, {Name: "y", Selector: "> *:last-of-type", All: true, Optional: true}}})
}

// htmlTable64K is the table that a monitoring page shows, 64 KiB of it.
func htmlTable64K() string {
	var b strings.Builder
	b.WriteString("<!DOCTYPE html>\n<html><head><title>Nodes</title><style>td { padding: 2px }</style></head>\n<body><h1>Nodes</h1>\n<table id=\"nodes\" class=\"data\">\n<tr><th>Name</th><th>State</th><th>Load</th><th>Memory</th><th>Seen</th></tr>\n")
	for i := 0; b.Len() < 64<<10; i++ {
		fmt.Fprintf(&b, "<tr class=\"%s\"><td><a href=\"/node/%d\">node-%d</a></td><td>up</td><td align=\"right\">%d.%02d</td><td>%d&nbsp;MiB</td><td>2025-11-%02d 12:00</td></tr>\n",
			[]string{"even", "odd"}[i%2], i, i, i%8, i%100, i*7, i%28+1)
	}
	b.WriteString("</table></body></html>\n")
	return b.String()
}

func BenchmarkHTMLTable(b *testing.B) {
	text := htmlTable64K()
	for name, d := range map[string]*HTML{"tokens": {Table: new("")}, "id": {Table: new("#nodes")}, "parsed": {Table: new("body table")}} {
		if err := d.Check(); err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) { decodetest.Benchmark(b, d, text) })
	}
}
