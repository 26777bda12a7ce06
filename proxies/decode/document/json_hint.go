package document

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/fairway-gateway/fairway/proxies/decode"
)

// jsonAhead is how much text behind an error is looked at for what it may be.
const jsonAhead = 64

// hint names the option that allows what stands where a text stopped being JSON; empty if there is none. Message is that
// of the JSON library.
func (r *jsonReader) hint(message string) string {
	if r.format != "json" {
		return ""
	}
	if strings.HasPrefix(message, "half a surrogate") {
		return seeOption("surrogates")
	}
	if strings.Contains(message, "expecting non-control character") {
		return seeOption("control")
	}
	rest := r.ahead()
	word := rest[:jsonWord(rest)]
	in, n := r.dec.StackIndex(r.dec.StackDepth())
	switch first := r.dec.InputOffset() == 0; {
	case first && (strings.HasPrefix(rest, "/**/") || isCall(rest)):
		return seeOption("jsonp")
	case strings.HasPrefix(rest, "/"):
		return seeOption("comments")
	case strings.HasPrefix(rest, "'"):
		return seeOption("single_quotes")
	case strings.HasPrefix(rest, ","):
		if after := strings.TrimLeft(rest[1:], jsonSpace); n > 0 && after != "" && strings.IndexByte("]}", after[0]) >= 0 {
			return seeOption("trailing_commas")
		}
	case in == '{' && n%2 == 0 && isBareName(rest, word):
		return seeOption("unquoted_keys")
	case isNaN(word):
		return seeOption("nan")
	case isPythonWord(word):
		return seeOption("python")
	}
	return ""
}

func seeOption(name string) string { return "; see the option " + name }

// ahead gives text from the first character on that was not understood, about jsonAhead bytes of it.
func (r *jsonReader) ahead() string {
	if r.stream == nil {
		rest := r.behindMark([]byte(r.text[r.dec.InputOffset():]))
		return string(rest[:min(len(rest), jsonAhead)])
	}
	// What has not come yet is waited for only as far as it decides, so a stream tells what the whole text tells.
	buf := bytes.Clone(r.dec.UnreadBuffer())
	chunk := make([]byte, jsonAhead)
	for len(r.behindMark(buf)) < jsonAhead {
		n, err := r.stream.Read(chunk)
		buf = append(buf, chunk[:n]...)
		if err != nil {
			break
		}
	}
	rest := r.behindMark(buf)
	return string(rest[:min(len(rest), jsonAhead)])
}

// behindMark leaves out white space, and the comma or colon before a value.
func (r *jsonReader) behindMark(text []byte) []byte {
	rest := bytes.TrimLeft(text, jsonSpace)
	in, n := r.dec.StackIndex(r.dec.StackDepth())
	if n == 0 || len(rest) == 0 || in != '{' && in != '[' {
		return rest
	}
	mark := byte(',')
	if in == '{' && n%2 == 1 {
		mark = ':'
	}
	if rest[0] != mark {
		return rest
	}
	if value := bytes.TrimLeft(rest[1:], jsonSpace); len(value) == 0 || strings.IndexByte("]},", value[0]) < 0 {
		return value
	}
	return rest
}

// jsonWord gives the length of the word that a text begins with.
func jsonWord(text string) int {
	n := 0
	for n < len(text) && (isWord(int(text[n])) || text[n] == '+') {
		n++
	}
	return n
}

// isCall says whether a text begins with the name of a function and a bracket.
func isCall(text string) bool {
	name := strings.TrimLeft(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$.")
	return len(name) < len(text) && strings.HasPrefix(strings.TrimLeft(name, jsonSpace), "(")
}

// isBareName says whether a text begins with a name that stands without quotes before a colon.
func isBareName(text, name string) bool {
	first, _ := utf8.DecodeRuneInString(name)
	return (unicode.IsLetter(first) || unicode.IsDigit(first) || first == '_' || first == '$') &&
		strings.HasPrefix(strings.TrimLeft(text[len(name):], jsonSpace), ":")
}

func isPythonWord(w string) bool { return w == "None" || w == "True" || w == "False" }

// seeDuplicates names the option to the error of a name that occurs twice.
func seeDuplicates(err error) error {
	if _, ok := errors.AsType[*decode.DuplicateError](err); ok {
		return fmt.Errorf("json: %w; see the option duplicates", err)
	}
	return err
}
