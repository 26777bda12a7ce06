package caddyfiles

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// Files remembers what was found in the raw files of a configuration; one lives while one Caddyfile is adapted.
//
// Caddy replaces {$NAME} anywhere in the raw text before there are tokens, comments and jq included: "{$job, v: .}"
// arrives as " .", valid jq with another meaning. So the raw text is looked at, where it can be read and is what the
// tokens were made of (it cannot be for standard input and for a Caddyfile sent to the admin API).
type Files struct {
	seen   map[string]*file
	unread map[string]bool
}

type file struct {
	// err is the first span of the raw text that Caddy would replace and nobody means.
	err error
	// words are the tokens that Caddy makes of the file, to tell whether it is the one that was adapted.
	words map[spot]bool
	// spans are the tokens that have a {$ before Caddy replaces anything, by line.
	spans map[int]caddyfile.Token
	// blocks names the site block of each directive.
	blocks map[spot]string
}

type spot struct {
	line int
	text string
}

// filesKey is Files' place in a helper's State.
const filesKey = "fairway.files"

// FilesOf finds or makes the Files of one adaptation. State is that of the directive's helper.
func FilesOf(state map[string]any) *Files {
	f, ok := state[filesKey].(*Files)
	if !ok {
		f = &Files{seen: map[string]*file{}, unread: map[string]bool{}}
		state[filesKey] = f
	}
	return f
}

// Check looks at the raw files that the tokens of n come from. Programs are the tokens of n that are programs: in them
// {$ is an error whatever follows it. It says false where a file could not be looked at, or is another one than was adapted.
func (f *Files) Check(n Node, programs []caddyfile.Token) (looked bool, err error) {
	looked = true
	for _, t := range n.Segment {
		raw := f.file(t.File)
		if !raw.words[spot{t.Line, t.Text}] {
			looked = false
			continue
		}
		if raw.err != nil {
			return true, raw.err
		}
	}
	for _, p := range programs {
		if t, ok := f.file(p.File).spans[p.Line]; ok && looked {
			return true, Errorf(t, "Caddy replaces {$...} before anybody sees it: put a space after the brace: { $name }")
		}
	}
	return looked, nil
}

// Block names the site block whose directive begins with t; empty where that cannot be told, or t is nested deeper.
func (f *Files) Block(t caddyfile.Token) string {
	return f.file(t.File).blocks[spot{t.Line, t.Text}]
}

func (f *Files) file(name string) *file {
	out, ok := f.seen[name]
	if !ok {
		out = readFile(name)
		f.seen[name] = out
	}
	return out
}

func readFile(name string) *file {
	out := &file{words: map[spot]bool{}, blocks: map[spot]string{}, spans: map[int]caddyfile.Token{}}
	raw, err := os.ReadFile(name)
	if err != nil {
		return out
	}
	out.err = checkSpans(name, raw)
	tokens, _ := caddyfile.Tokenize(bytes.Clone(raw), name) // what it cannot read Parse does not read either
	for _, t := range tokens {
		if strings.Contains(t.Text, "{$") {
			out.spans[t.Line] = t
		}
	}
	blocks, err := caddyfile.Parse(name, bytes.Clone(raw))
	if err != nil {
		return out
	}
	for i, b := range blocks {
		for _, t := range b.Keys {
			out.words[spot{t.Line, t.Text}] = true
		}
		for _, seg := range b.Segments {
			for _, t := range seg {
				if t.File == name {
					out.words[spot{t.Line, t.Text}] = true
				}
			}
			at := spot{seg[0].Line, seg[0].Text}
			switch _, twice := out.blocks[at]; {
			case seg[0].File != name:
			case twice:
				out.blocks[at] = "" // a snippet that several sites import
			default:
				out.blocks[at] = fmt.Sprintf("%s#%d", name, i)
			}
		}
	}
	return out
}

// checkSpans refuses a {$NAME} that is meant as something else: one whose NAME is no name of a variable.
func checkSpans(name string, raw []byte) error {
	for offset := 0; ; {
		i := bytes.Index(raw[offset:], []byte("{$"))
		if i < 0 {
			return nil
		}
		begin := offset + i
		end := bytes.IndexByte(raw[begin:], '}')
		if end < 0 {
			return nil
		}
		offset = begin + end + 1
		variable, _, _ := strings.Cut(string(raw[begin+2:begin+end]), ":")
		if variable == "" || wrap.IsName(variable) {
			continue
		}
		line := 1 + bytes.Count(raw[:begin], []byte("\n"))
		return Errorf(caddyfile.Token{File: name, Line: line},
			"Caddy takes everything from {$ to the next } for the name of an environment variable, comments included, and %q is none: put a space after the brace: { $name }", short(variable))
	}
}

func short(s string) string {
	first, _, more := strings.Cut(s, "\n")
	if len(first) > 30 {
		first, more = strings.ToValidUTF8(first[:30], ""), true
	}
	if more {
		return first + "..."
	}
	return first
}

// FirstUnread says true once for each file, so that what could not be looked at is said once.
func (f *Files) FirstUnread(name string) bool {
	if f.unread[name] {
		return false
	}
	f.unread[name] = true
	return true
}
