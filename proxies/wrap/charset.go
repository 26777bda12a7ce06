package wrap

import (
	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/charset"
)

// What becomes of bytes that are not of a body's charset.
const (
	// CharsetErrorsFail makes the attempt a failure.
	CharsetErrorsFail = "fail"
	// CharsetErrorsReplace makes U+FFFD of them.
	CharsetErrorsReplace = "replace"
)

// checkCharsetErrors refuses what is neither.
func checkCharsetErrors(word string, at place) *ConfigError {
	ways := []string{CharsetErrorsFail, CharsetErrorsReplace}
	switch word {
	case "", CharsetErrorsFail, CharsetErrorsReplace:
		return nil
	}
	return at.field("charset_errors").errf("charset_errors is fail or replace, not %q%s", word, Suggest(word, ways))
}

// compileCharset says what is known of the charset before an answer comes.
func (f *fetch) compileCharset(at place) error {
	f.charset.Option = f.backend.Charset
	if f.Charset != "" {
		name, err := charset.Check(f.Charset)
		if err != nil {
			return at.field("charset").errf("%v", err)
		}
		f.charset.Option = name
	}
	if err := checkCharsetErrors(f.CharsetErrors, at); err != nil {
		return err
	}
	word := f.CharsetErrors
	if word == "" {
		word = f.backend.CharsetErrors
	}
	f.charset.Replace = word == CharsetErrorsReplace
	if d, ok := f.Decoder.(decode.Declarer); ok {
		f.charset.Document = d.DeclaredCharset
	}
	if s, ok := f.Decoder.(decode.Settler); ok {
		f.charset.Settled = s.CharsetSettled
	}
	return nil
}
