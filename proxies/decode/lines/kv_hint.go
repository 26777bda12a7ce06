package lines

import (
	"errors"
	"fmt"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/ascii"
)

// undelimited is the error of a line without delimiter. It names the option that looks meant.
func (d *KV) undelimited(line string, offset int) error {
	msg := "a line without delimiter"
	text := strings.Trim(line, ascii.Space)
	switch {
	case strings.HasPrefix(text, "<"):
	case !d.Sections && strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]"):
		msg += "; see the option sections"
	case d.Continuation == "" && offset > 0 && line != "" && strings.IndexByte(ascii.Space, line[0]) >= 0:
		msg += "; see the options continuation and undelimited"
	case offset > 0:
		msg += "; see the option undelimited"
	}
	return &decode.SyntaxError{Format: "kv", Offset: int64(offset), Msg: msg}
}

// hinted names the option to the error of a name that occurs twice.
func hinted(err error) error {
	if _, ok := errors.AsType[*decode.DuplicateError](err); ok {
		return fmt.Errorf("kv: %w; see the option repeated", err)
	}
	return err
}
