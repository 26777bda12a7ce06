package problem

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// markup says that text is HTML: by its type or, where that says nothing of use, by its first tag.
func markup(mediaType, text string) bool {
	switch {
	case mediaType == "text/html", strings.HasSuffix(mediaType, "xhtml+xml"), mediaType == "image/svg+xml":
		return true
	case mediaType != "" && mediaType != "text/plain":
		return false
	}
	start := strings.ToLower(border(text+" ", min(len(text), 256)))
	start = strings.TrimSpace(start)
	for _, tag := range []string{"<!doctype html", "<html", "<head", "<body", "<h1", "<p>", "<title", "<script"} {
		if strings.HasPrefix(start, tag) {
			return true
		}
	}
	return false
}

// stripped gives the text between the tags of s, one line per block, without what a browser does not show.
func stripped(s string) string {
	var (
		out    strings.Builder
		hidden atom.Atom
		depth  int
	)
	z := html.NewTokenizer(strings.NewReader(s))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return lines(out.String())
		case html.TextToken:
			if depth == 0 {
				out.Write(z.Text())
			}
		case html.StartTagToken:
			name, _ := z.TagName()
			tag := atom.Lookup(name)
			switch {
			case depth == 0 && unseen(tag):
				hidden, depth = tag, 1
			case depth > 0 && tag == hidden:
				depth++
			case depth == 0 && block(tag):
				out.WriteByte('\n')
			case depth == 0 && (tag == atom.Td || tag == atom.Th):
				out.WriteByte(' ')
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			tag := atom.Lookup(name)
			switch {
			case depth > 0 && tag == hidden:
				depth--
			case depth == 0 && block(tag):
				out.WriteByte('\n')
			}
		case html.SelfClosingTagToken:
			if name, _ := z.TagName(); depth == 0 && block(atom.Lookup(name)) {
				out.WriteByte('\n')
			}
		}
	}
}

// unseen are the elements whose content is not the page's text. Those that the tokenizer gives as raw text would
// bring their tags along.
func unseen(tag atom.Atom) bool {
	switch tag {
	case atom.Script, atom.Style, atom.Noscript, atom.Template, atom.Iframe, atom.Noembed, atom.Noframes, atom.Object, atom.Svg, atom.Select:
		return true
	}
	return false
}

func block(tag atom.Atom) bool {
	switch tag {
	case atom.P, atom.Div, atom.Br, atom.Hr, atom.Li, atom.Ul, atom.Ol, atom.Dl, atom.Dt, atom.Dd, atom.Tr, atom.Table, atom.Pre,
		atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Title, atom.Head, atom.Body, atom.Section, atom.Article,
		atom.Header, atom.Footer, atom.Main, atom.Nav, atom.Form, atom.Blockquote, atom.Center, atom.Address, atom.Fieldset:
		return true
	}
	return false
}

// lines squeezes blanks and drops empty lines. Line ends stay, they are what stack traces are known by.
func lines(s string) string {
	var out strings.Builder
	for line := range strings.Lines(s) {
		first := true
		for word := range strings.FieldsSeq(line) {
			switch {
			case !first:
				out.WriteByte(' ')
			case out.Len() > 0:
				out.WriteByte('\n')
			}
			out.WriteString(word)
			first = false
		}
	}
	return out.String()
}
