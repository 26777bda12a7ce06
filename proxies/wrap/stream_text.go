package wrap

import (
	"io"

	"github.com/fairway-gateway/fairway/proxies/decode"
)

func textReader(body io.Reader, _ decode.TextOptions) (io.Reader, decode.Charset, error) {
	return body, decode.Charset{Name: "utf-8", Source: "detection"}, nil
}
