// Package caddyfiles reads the blocks of our directives: it gives back what Caddy's adapter rewrites before a directive
// sees it, and turns tokens into a tree whose every mistake is an error with file and line.
package caddyfiles

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// Node is one line with its block.
type Node struct {
	// Word is the first token of the line, Args the others up to the block.
	Word caddyfile.Token
	Args []caddyfile.Token
	// Block are the lines of the block; HasBlock says whether there is one; Caddy drops an empty one.
	Block    []Node
	HasBlock bool
	// Segment are all tokens, braces included, for modules that parse themselves.
	Segment caddyfile.Segment

	unbalanced bool
}

// Read makes the tree of a directive from its tokens, with Caddy's shorthands undone. D stands before the directive.
func Read(d *caddyfile.Dispenser) (Node, error) {
	var tokens []caddyfile.Token
	short := undo()
	for d.Next() {
		t := d.Token()
		t.Text = short.Replace(t.Text)
		tokens = append(tokens, t)
	}
	inner := caddyfile.NewDispenser(tokens)
	inner.Next()
	n := read(inner.NextSegment())
	return n, n.check()
}

func read(seg caddyfile.Segment) Node {
	n := Node{Word: seg[0], Segment: seg}
	d := caddyfile.NewDispenser(seg)
	d.Next()
	for d.NextArg() {
		n.Args = append(n.Args, d.Token())
	}
	n.HasBlock = len(seg) > 1+len(n.Args)
	for d.NextBlock(0) {
		inner := d.NextSegment()
		if len(inner) >= len(seg) {
			n.unbalanced = true // Caddy's parser refuses it, Caddy's dispenser gives the same tokens for ever
			break
		}
		n.Block = append(n.Block, read(inner))
	}
	return n
}

// check refuses what the lexer lets through and nobody means.
func (n Node) check() error {
	if n.unbalanced {
		return n.Errorf("the braces of %s do not match", n.Word.Text)
	}
	for _, t := range append([]caddyfile.Token{n.Word}, n.Args...) {
		if t.Quoted() {
			continue
		}
		if len(t.Text) > 1 && strings.HasSuffix(t.Text, "{") {
			return Errorf(t, "put a space before the { of %q", t.Text)
		}
		if strings.Contains(t.Text, "{args[") {
			return Errorf(t, "%s was not given to the import", t.Text)
		}
	}
	for _, b := range n.Block {
		if err := b.check(); err != nil {
			return err
		}
	}
	return nil
}

// Errorf is an error at a token, in Caddy's words for the place.
func Errorf(t caddyfile.Token, format string, args ...any) error {
	d := caddyfile.NewDispenser([]caddyfile.Token{t})
	d.Next()
	return d.WrapErr(fmt.Errorf(format, args...))
}

// Errorf is an error at the line's first word.
func (n Node) Errorf(format string, args ...any) error { return Errorf(n.Word, format, args...) }

// One gives the only argument of a line without a block. Usage is what to write instead.
func (n Node) One(usage string) (caddyfile.Token, error) {
	if n.HasBlock {
		return caddyfile.Token{}, n.Errorf("%s takes no block; write: %s", n.Word.Text, usage)
	}
	if len(n.Args) == 0 {
		return caddyfile.Token{}, n.Errorf("%s needs an argument (one that begins with # must be quoted); write: %s", n.Word.Text, usage)
	}
	if len(n.Args) > 1 {
		return caddyfile.Token{}, n.Errorf("%s takes one argument, here are %d; put text with blanks in quotes: %s", n.Word.Text, len(n.Args), usage)
	}
	return n.Args[0], nil
}

// Program gives the only argument of a line whose argument is a jq program.
func (n Node) Program() (caddyfile.Token, error) {
	if n.HasBlock || len(n.Args) != 1 {
		return caddyfile.Token{}, n.Errorf("%s takes one jq program; put it in backquotes: %s `...`", n.Word.Text, n.Word.Text)
	}
	return n.Args[0], nil
}

// Flag checks a line that is only its word.
func (n Node) Flag() error {
	if len(n.Args) > 0 || n.HasBlock {
		return n.Errorf("%s takes nothing more", n.Word.Text)
	}
	return nil
}

// Word is what a block knows of one of its words.
type Word struct {
	// Parse reads a line that begins with the word.
	Parse func(Node) error
	// Many says that the word may be there several times.
	Many bool
}

// Words are the words of one kind of block.
type Words struct {
	// Owner is the block's name for messages: "service".
	Owner string
	Known map[string]Word
	// Later are words that this version does not have yet.
	Later []string
	// Other reads a line whose word is not known; it says false where it is not its own either. May be nil.
	Other func(Node) (bool, error)
}

// Parse reads the lines of n's block.
func (w Words) Parse(n Node) error {
	seen := map[string]bool{}
	for _, line := range n.Block {
		word := line.Word.Text
		known, ok := w.Known[word]
		switch {
		case ok && seen[word] && !known.Many:
			return line.Errorf("%s is there twice in this %s", word, w.Owner)
		case ok:
			seen[word] = true
			if err := known.Parse(line); err != nil {
				return err
			}
			continue
		case slices.Contains(w.Later, word):
			return line.Errorf("%s is not available in this version of Fairway", word)
		}
		if w.Other != nil {
			own, err := w.Other(line)
			if err != nil {
				return err
			}
			if own {
				continue
			}
		}
		return line.Errorf("%s has no word %q%s", w.Owner, word, wrap.Suggest(word, w.names()))
	}
	return nil
}

func (w Words) names() []string {
	out := slices.Clone(w.Later)
	for name := range w.Known {
		out = append(out, name)
	}
	return out
}

// Place gives the tokens of a configuration's parts, by the path of a *wrap.ConfigError.
type Place map[string]caddyfile.Token

// Locate makes an error at the token where err stands, or at fallback.
func (p Place) Locate(err error, fallback caddyfile.Token) error {
	e, ok := errors.AsType[*wrap.ConfigError](err)
	if !ok {
		return Errorf(fallback, "%w", err)
	}
	for path := e.Path; path != ""; {
		if t, ok := p[path]; ok {
			if path == e.Path && e.Offset >= 0 && e.Offset <= len(t.Text) {
				t = atOffset(t, e.Offset)
			}
			return Errorf(t, "%w", e)
		}
		i := strings.LastIndexByte(path, '/')
		if i < 0 {
			break
		}
		path = path[:i]
	}
	return Errorf(fallback, "%w", e)
}

// atOffset moves a token of several lines to the line of an offset in its text. A heredoc begins one line below.
func atOffset(t caddyfile.Token, offset int) caddyfile.Token {
	if t.NumLineBreaks()-strings.Count(t.Text, "\n") == 2 {
		t.Line++
	}
	t.Line += strings.Count(t.Text[:offset], "\n")
	return t
}
