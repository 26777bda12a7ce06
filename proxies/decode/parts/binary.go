package parts

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/ascii"
)

// Bytes decodes a body of any bytes to an object with its type, its size in bytes and its bytes in base64 (RFC 4648,
// with padding, without line ends). It never fails; an empty body has size 0. In the Caddyfile it is named binary.
//
//	PNG bytes  ->  {"content_type":"image/png","size":68,"base64":"iVBORw0KGgo..."}
//
// The type is the backend's Content-Type, parameters included, since the bytes stay in the charset it names. Where the
// header is missing, malformed, or says no more than "some bytes", the first bytes decide, by the rules of the WHATWG.
type Bytes struct {
	// SHA256 adds "sha256", the digest of the bytes in hexadecimal. Default: it is not computed.
	SHA256 bool `json:"sha256,omitempty"`
}

// binaryFactor is the base64 text and, where the sink writes JSON, room to grow.
const binaryFactor = 2

// maxContentType is how many bytes of a Content-Type are told; longer ones are no media types that anybody uses.
const maxContentType = 255

// Check implements the check at load; every combination of options is good.
func (*Bytes) Check() error { return nil }

// Factor implements decode.Decoder.
func (*Bytes) Factor() float64 { return binaryFactor }

// Binary implements decode.Binary.
func (*Bytes) Binary() {}

// Decode implements decode.Decoder.
func (d *Bytes) Decode(ctx context.Context, in *decode.Input, out decode.Sink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := out.BeginObject(); err != nil {
		return err
	}
	if err := tellMember(out, "content_type", bytesType(in)); err != nil {
		return err
	}
	if err := out.Key("size"); err != nil {
		return err
	}
	if err := out.Number(strconv.Itoa(len(in.Body))); err != nil {
		return err
	}
	if d.SHA256 {
		sum := sha256.Sum256(in.Body)
		if err := tellMember(out, "sha256", hex.EncodeToString(sum[:])); err != nil {
			return err
		}
	}
	text, err := base64Text(ctx, in.Body)
	if err != nil {
		return err
	}
	if err := tellMember(out, "base64", text); err != nil {
		return err
	}
	return out.EndObject()
}

// bytesType is the type of a body by its header, or else by its first bytes.
func bytesType(in *decode.Input) string {
	switch in.MediaType {
	case "", "application/octet-stream", "binary/octet-stream", "application/binary", "application/x-binary",
		"application/download", "application/x-download", "application/force-download", "application/unknown", "unknown/unknown":
		return http.DetectContentType(in.Body)
	}
	declared := strings.Trim(in.ContentType, ascii.Space)
	if declared == "" {
		declared = in.MediaType
	}
	if _, _, err := mime.ParseMediaType(declared); err != nil || len(declared) > maxContentType || !utf8.ValidString(declared) {
		return http.DetectContentType(in.Body)
	}
	return declared
}

// base64Text encodes into memory of the exact size; base64's own function copies the text once more.
func base64Text(ctx context.Context, body []byte) (string, error) {
	const piece = 3 << 12 // a multiple of three has no padding inside the text
	var text strings.Builder
	text.Grow(base64.StdEncoding.EncodedLen(len(body)))
	buf := make([]byte, 0, base64.StdEncoding.EncodedLen(min(len(body), piece)))
	for len(body) > 0 {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		n := min(len(body), piece)
		text.Write(base64.StdEncoding.AppendEncode(buf[:0], body[:n]))
		body = body[n:]
	}
	return text.String(), nil
}

// tellMember tells a member that is a string.
func tellMember(out decode.Sink, name, value string) error {
	if err := out.Key(name); err != nil {
		return err
	}
	return out.String(value)
}

var _ decode.Binary = (*Bytes)(nil)
