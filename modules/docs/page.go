package docs

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/swaggest/swgui/v5/static"

	"github.com/fairway-gateway/fairway/modules/control/api"
)

//go:embed page.html
var page []byte //nolint:gochecknoglobals // embedded

//go:embed start.js
var start []byte //nolint:gochecknoglobals // embedded

//go:embed start.css
var style []byte //nolint:gochecknoglobals // embedded

// policy lets the page use what is here, and nothing from elsewhere. The library writes styles into elements, and pictures as data.
const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// asset is a file of the page.
type asset struct {
	media string
	// body is compressed where zipped.
	body   []byte
	zipped bool
}

// assets are those files of Swagger UI that the page needs, and its own.
func assets() map[string]asset {
	out := map[string]asset{
		"start.js": {media: "text/javascript; charset=utf-8", body: start}, "start.css": {media: "text/css; charset=utf-8", body: style},
	}
	for name, media := range map[string]string{
		"swagger-ui-bundle.js.gz": "text/javascript; charset=utf-8", "swagger-ui.css.gz": "text/css; charset=utf-8", "favicon-32x32.png": "image/png",
	} {
		body, err := static.FS.ReadFile(name)
		if err != nil {
			continue // a test wants all of them
		}
		plain, zipped := strings.CutSuffix(name, ".gz")
		out[plain] = asset{media: media, body: body, zipped: zipped}
	}
	return out
}

func secure(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
}

func servePage(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	secure(h)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy)
	h.Set("Cache-Control", "no-cache")
	h.Set("Content-Length", strconv.Itoa(len(page)))
	_, _ = w.Write(page) // the caller may have left
}

func (d *Docs) serveAsset(w http.ResponseWriter, r *http.Request) {
	a, ok := d.assets[r.PathValue("file")]
	if !ok {
		api.Refuse(w, r, api.ErrNotFound)
		return
	}
	body := a.body
	h := w.Header()
	if a.zipped {
		h.Set("Vary", "Accept-Encoding")
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			h.Set("Content-Encoding", "gzip")
		} else {
			var err error
			if body, err = unzip(body); err != nil {
				api.Refuse(w, r, err)
				return
			}
		}
	}
	secure(h)
	h.Set("Content-Type", a.media)
	h.Set("Cache-Control", "public, max-age=3600")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // the caller may have left
}

func unzip(body []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r) // it is a file of the binary
}
