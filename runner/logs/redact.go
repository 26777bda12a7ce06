package logs

import (
	"bytes"
	"slices"
	"strings"
)

// shortestSecret is how long a secret has to be to be found: shorter ones are in every text by chance.
const shortestSecret = 6

// mask stands in place of a secret.
const mask = "***"

// Secrets are what must not be in a log.
type Secrets struct {
	words   [][]byte
	shapes  []shape
	longest int
}

// shape is what secrets of a kind look like: a prefix, and so many bytes of an alphabet behind it.
type shape struct {
	prefix   []byte
	alphabet [256]bool
	length   int // of all
}

// begins says how much of a text has the shape from its beginning on: length, if it is one whole, or all of a shorter text, or -1.
func (s *shape) begins(text []byte) int {
	n := min(len(text), s.length)
	head := min(n, len(s.prefix))
	if !bytes.Equal(text[:head], s.prefix[:head]) {
		return -1
	}
	for _, c := range text[head:n] {
		if !s.alphabet[c] {
			return -1
		}
	}
	return n
}

// Shaped has everything left out, too, that begins with a prefix and goes on with bytes of an alphabet to a length in all.
func (s *Secrets) Shaped(prefix, alphabet string, length int) *Secrets {
	one := shape{prefix: []byte(prefix), length: length}
	for i := range len(alphabet) {
		one.alphabet[alphabet[i]] = true
	}
	s.shapes, s.longest = append(s.shapes, one), max(s.longest, length)
	return s
}

// NewSecrets takes the lines of secrets; those of fewer than 6 bytes are not looked for.
func NewSecrets(secrets ...string) *Secrets {
	s := new(Secrets)
	for _, secret := range secrets {
		for word := range strings.Lines(secret) {
			word = strings.TrimSpace(word)
			if len(word) < shortestSecret || slices.ContainsFunc(s.words, func(w []byte) bool { return string(w) == word }) {
				continue
			}
			s.words = append(s.words, []byte(word))
			s.longest = max(s.longest, len(word))
		}
	}
	return s
}

// redactor takes secrets out of one line that comes in pieces.
type redactor struct {
	secrets *Secrets
	held    []byte // what may be the beginning of a secret
	done    int    // bytes of held that are masked already, as the end of another secret
}

// add appends to a line what of a piece is known to be none of a secret; last says that the line has no further piece.
func (r *redactor) add(line, piece []byte, last bool) []byte {
	if r.secrets.longest == 0 {
		return append(line, piece...)
	}
	if len(r.held) > 0 {
		r.held = append(r.held, piece...)
		piece = r.held
	}
	from := len(piece)
	if !last {
		from -= r.beginning(piece)
	}
	rest := r.done
	for _, span := range r.find(piece) {
		if span[1] <= rest || span[0] >= from {
			continue
		}
		line = append(line, piece[rest:max(rest, span[0])]...)
		line = append(line, mask...)
		rest = span[1]
	}
	if from > rest {
		line = append(line, piece[rest:from]...)
		rest = from
	}
	r.done = rest - from
	r.held = append(r.held[:0], piece[from:]...)
	return line
}

// find gives where secrets are, those that touch or lie across each other as one, in order.
func (r *redactor) find(text []byte) [][2]int {
	var spans [][2]int
	for _, word := range r.secrets.words {
		for from := 0; ; {
			at := bytes.Index(text[from:], word)
			if at < 0 {
				break
			}
			spans = append(spans, [2]int{from + at, from + at + len(word)})
			from += at + 1
		}
	}
	for i := range r.secrets.shapes {
		one := &r.secrets.shapes[i]
		for from := 0; ; {
			at := bytes.Index(text[from:], one.prefix)
			if at < 0 {
				break
			}
			if one.begins(text[from+at:]) == one.length {
				spans = append(spans, [2]int{from + at, from + at + one.length})
			}
			from += at + 1
		}
	}
	if len(spans) < 2 {
		return spans
	}
	slices.SortFunc(spans, func(a, b [2]int) int { return a[0] - b[0] })
	merged := spans[:1]
	for _, span := range spans[1:] {
		if last := &merged[len(merged)-1]; span[0] <= last[1] {
			last[1] = max(last[1], span[1])
			continue
		}
		merged = append(merged, span)
	}
	return merged
}

// beginning is the length of the longest end of a text that a secret begins with.
func (r *redactor) beginning(text []byte) int {
	for n := min(len(text), r.secrets.longest-1); n > 0; n-- {
		end := text[len(text)-n:]
		for _, word := range r.secrets.words {
			if len(word) > n && bytes.HasPrefix(word, end) {
				return n
			}
		}
		for i := range r.secrets.shapes {
			if one := &r.secrets.shapes[i]; n < one.length && one.begins(end) == n {
				return n
			}
		}
	}
	return 0
}
