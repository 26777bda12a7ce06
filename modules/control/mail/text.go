package mail

import (
	"errors"
	"io"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// textOf makes the text alternative of HTML: what can be read of it, with links behind what they stand under.
func textOf(source string) string {
	z := html.NewTokenizer(strings.NewReader(source))
	var w textWriter
	for {
		switch z.Next() {
		case html.ErrorToken:
			if !errors.Is(z.Err(), io.EOF) {
				return ""
			}
			return w.String()
		case html.TextToken:
			w.text(string(z.Text()))
		case html.StartTagToken, html.SelfClosingTagToken:
			w.open(z.Token())
		case html.EndTagToken:
			w.close(z.Token().DataAtom)
		case html.CommentToken, html.DoctypeToken:
		}
	}
}

// textWriter writes words with one space between them, and lines with at most one empty one between them.
type textWriter struct {
	out    strings.Builder
	hidden atom.Atom // the element whose text nobody reads
	pre    int
	lines  int  // line ends that come before the next word
	space  bool // a space that comes before it
	link   string
}

// String gives the text.
func (w *textWriter) String() string { return strings.TrimSpace(w.out.String()) + "\n" }

func (w *textWriter) word(s string) {
	if w.out.Len() > 0 {
		w.out.WriteString(strings.Repeat("\n", w.lines))
		if w.space && w.lines == 0 {
			w.out.WriteByte(' ')
		}
	}
	w.lines, w.space = 0, false
	w.out.WriteString(s)
}

func (w *textWriter) text(s string) {
	if w.hidden != 0 {
		return
	}
	s = html.UnescapeString(s)
	if w.pre > 0 {
		w.word(s)
		return
	}
	words := strings.Fields(s)
	if len(words) == 0 {
		w.space = w.space || s != ""
		return
	}
	w.space = w.space || strings.TrimLeft(s, " \t\r\n\f\u00a0") != s
	w.word(strings.Join(words, " "))
	w.space = strings.TrimRight(s, " \t\r\n\f\u00a0") != s
}

// end ends the line, and with 2 leaves an empty one.
func (w *textWriter) end(lines int) { w.lines = max(w.lines, lines) }

func (w *textWriter) open(t html.Token) {
	if w.hidden != 0 {
		return
	}
	switch t.DataAtom {
	case atom.Script, atom.Style, atom.Title, atom.Template, atom.Textarea, atom.Iframe, atom.Noscript:
		if t.Type == html.StartTagToken {
			w.hidden = t.DataAtom
		}
	case atom.Br:
		w.lines = min(w.lines+1, 2)
	case atom.Li:
		w.end(1)
		w.word("- ")
	case atom.Hr:
		w.end(1)
		w.word("----")
		w.end(1)
	case atom.Td, atom.Th:
		w.space = true
	case atom.Pre:
		w.end(2)
		w.pre++
	case atom.Img:
		for _, a := range t.Attr {
			if a.Key == "alt" {
				w.text(html.EscapeString(a.Val))
			}
		}
	case atom.A:
		w.link = ""
		for _, a := range t.Attr {
			if a.Key == "href" && (strings.HasPrefix(a.Val, "https://") || strings.HasPrefix(a.Val, "http://") || strings.HasPrefix(a.Val, "mailto:")) {
				w.link = a.Val
			}
		}
	default:
		w.block(t.DataAtom)
	}
}

func (w *textWriter) close(a atom.Atom) {
	switch {
	case w.hidden != 0:
		if a == w.hidden {
			w.hidden = 0
		}
	case a == atom.A && w.link != "":
		if !strings.HasSuffix(w.out.String(), w.link) {
			w.space = true
			w.word("<" + w.link + ">")
		}
		w.link = ""
	case a == atom.Pre:
		w.pre = max(w.pre-1, 0)
		w.end(2)
	default:
		w.block(a)
	}
}

// block ends the line at the edges of what is no part of one.
func (w *textWriter) block(a atom.Atom) {
	switch a {
	case atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Ul, atom.Ol, atom.Table, atom.Blockquote:
		w.end(2)
	case atom.Div, atom.Tr, atom.Section, atom.Article, atom.Header, atom.Footer, atom.Dt, atom.Dd, atom.Address, atom.Center, atom.Li:
		w.end(1)
	}
}
