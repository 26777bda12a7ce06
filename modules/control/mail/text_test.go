package mail

import (
	"strings"
	"testing"
)

// texts are HTML and what can be read of it.
func texts() [][2]string {
	return [][2]string{
		{"", "\n"},
		{"plain", "plain\n"},
		{"<p>Hello <b>you</b>,</p><p>welcome.</p>", "Hello you,\n\nwelcome.\n"},
		{"a\n  b\t c", "a b c\n"},
		{"<p>one<br>two<br/>three</p>", "one\ntwo\nthree\n"},
		{"Fish &amp; Chips &lt;3 &euro;", "Fish & Chips <3 €\n"},
		{`<a href="https://x.example/a?b=1&amp;c=2">here</a>.`, "here <https://x.example/a?b=1&c=2>.\n"},
		{`<a href="https://x.example">https://x.example</a>`, "https://x.example\n"},
		{`<a href="javascript:alert(1)">x</a><a name="y">z</a>`, "xz\n"},
		{"<ul><li>a</li><li>b</li></ul>c", "- a\n- b\n\nc\n"},
		{"<style>p{}</style><script>x()</script><title>t</title><p>y", "y\n"},
		{"<table><tr><td>1</td><td>2</td></tr><tr><td>3</td></tr></table>", "1 2\n3\n"},
		{"<pre>a\n  b</pre>", "a\n  b\n"},
		{`x<img alt="A &amp; B" src="y">`, "xA & B\n"},
		{"<script>never ends", "\n"},
		{"a<hr>b", "a\n----\nb\n"},
		{"<h1>T</h1>\n\n<div>a</div><div>b</div>", "T\n\na\nb\n"},
		{"a <!-- no --> b", "a b\n"},
	}
}

func TestTextOfHTML(t *testing.T) {
	t.Parallel()
	for _, one := range texts() {
		if got := textOf(one[0]); got != one[1] {
			t.Errorf("%s: %q", one[0], got)
		}
	}
	// Nothing that takes longer than its size.
	for _, s := range []string{"<", "<p>", "<a href=https://x>", "</a>", "&", "<pre>", "<li>", "<!--", "x "} {
		_ = textOf(strings.Repeat(s, MostBody/len(s)))
	}
}
