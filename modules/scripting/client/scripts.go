package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// perPage is how many rows of a list are asked for at once: the most that there may be.
const perPage = 100

// Raw is a document as the gateway sent it. What has one is written as it.
type Raw struct{ document json.RawMessage }

// MarshalJSON implements json.Marshaler.
func (r Raw) MarshalJSON() ([]byte, error) {
	if r.document == nil {
		return []byte("null"), nil
	}
	return r.document, nil
}

// read decodes a document into v, which is of another type than what has r, and keeps it.
func (r *Raw) read(text []byte, v any) error {
	r.document = bytes.Clone(text)
	return json.Unmarshal(text, v)
}

// States of a script's newest version.
const (
	Pending  = "PENDING" // of an execution, too
	Building = "BUILDING"
	Success  = "SUCCESS"
)

// ScriptFields are what commands read of a script.
type ScriptFields struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Slug        string `json:"slug"`
	Description string `json:"description"`
	Created     string `json:"created_at"`
	Updated     string `json:"updated_at"`
	Status      string `json:"status"`
	Public      bool   `json:"public"`
	Restricted  bool   `json:"restricted"`
	Version     int64  `json:"version"`
	BuildError  string `json:"build_error"`
	Owner       struct {
		Name string `json:"name"`
	} `json:"user"`
	Logs []ScriptLine `json:"logs"`
}

// Script is a script.
type Script struct {
	ScriptFields
	Raw
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Script) UnmarshalJSON(text []byte) error { return s.read(text, &s.ScriptFields) }

// MarshalJSON implements json.Marshaler.
func (s Script) MarshalJSON() ([]byte, error) { return s.Raw.MarshalJSON() }

// Built says whether nobody is to build it any more.
func (s Script) Built() bool { return s.Status != Pending && s.Status != Building }

// ScriptLine is a line of the log of a script's builds.
type ScriptLine struct {
	ID   int64  `json:"id"`
	Text string `json:"text"`
	At   string `json:"register_date"`
}

// Time is an instant as the gateway writes it, without a zone, which is UTC; the zero time if it is none.
func Time(text string) time.Time {
	for _, layout := range []string{"2006-01-02T15:04:05.999999", time.RFC3339Nano} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC()
		}
	}
	return time.Time{}
}

const scripts = "/api/v1/script"

// Scripts lists those that the user may see, by their names.
func (c *Client) Scripts(ctx context.Context) ([]Script, error) {
	return pages[Script](ctx, c, scripts, url.Values{"sort": {"name asc"}}, 0)
}

// pages reads a list to its end, or to most.
func pages[T any](ctx context.Context, c *Client, path string, query url.Values, most int) ([]T, error) {
	out := []T{}
	for page := 1; ; page++ {
		size := perPage
		if most > 0 {
			size = min(size, most)
		}
		query.Set("page", strconv.Itoa(page))
		query.Set("per_page", strconv.Itoa(size))
		var rows []T
		var total int
		if err := c.list(ctx, request{method: http.MethodGet, path: path, query: query}, &rows, &total); err != nil {
			return nil, err
		}
		out = append(out, rows...)
		if most > 0 && len(out) >= most {
			return out[:most], nil
		}
		if len(rows) < size || len(out) >= total {
			return out, nil
		}
	}
}

// Script gives one by its id or slug, with what is included.
func (c *Client) Script(ctx context.Context, name string, include ...string) (*Script, error) {
	r := request{method: http.MethodGet, path: scripts + "/" + named(name)}
	if len(include) > 0 {
		r.query = url.Values{"include": {strings.Join(include, ",")}}
	}
	out := new(Script)
	return out, c.do(ctx, r, out)
}

// Upload sends a script: a new one, or, where name is not empty, another version of it.
func (c *Client) Upload(ctx context.Context, name, file string, content []byte) (*Script, error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {fmt.Sprintf(`form-data; name="file"; filename="%s"`, strings.NewReplacer(`\`, "_", `"`, "_", "\r", "_", "\n", "_").Replace(file))},
		"Content-Type":        {"application/octet-stream"},
	})
	if err != nil {
		return nil, err
	}
	_, err = part.Write(content)
	if err := errors.Join(err, form.Close()); err != nil {
		return nil, err
	}
	r := request{method: http.MethodPost, path: scripts, header: onceOnly(), kind: form.FormDataContentType(), body: body.Bytes()}
	if name != "" {
		r.method, r.path, r.header = http.MethodPatch, scripts+"/"+named(name), nil
	}
	ctx, cancel := context.WithTimeout(ctx, transfer)
	defer cancel()
	out := struct{ Data *Script }{}
	if err := c.plain(ctx, r, &out); err != nil {
		return nil, err
	}
	if out.Data == nil || out.Data.ID == "" {
		return nil, fmt.Errorf("%s does not answer as a gateway does: there is no script", c.origin)
	}
	return out.Data, nil
}

// Publish has everybody see a script.
func (c *Client) Publish(ctx context.Context, name string) (*Script, error) {
	out := new(Script)
	return out, c.do(ctx, request{method: http.MethodPost, path: scripts + "/" + named(name) + "/publish"}, out)
}

// ScriptLog gives lines of the log of a script's builds: those behind a line, and later than a time unless that is zero.
func (c *Client) ScriptLog(ctx context.Context, name string, last int64, since time.Time) ([]ScriptLine, error) {
	var out []ScriptLine
	return out, c.do(ctx, request{method: http.MethodGet, path: scripts + "/" + named(name) + "/log", query: behind(last, since)}, &out)
}

func behind(last int64, since time.Time) url.Values {
	query := url.Values{}
	if last > 0 {
		query.Set("last-id", strconv.FormatInt(last, 10))
	}
	if !since.IsZero() {
		query.Set("start", since.UTC().Format("2006-01-02T15:04:05.000000Z"))
	}
	return query
}

// Download gives the newest version of a script to a writer, at most so many bytes.
func (c *Client) Download(ctx context.Context, name string, w io.Writer, most int64) error {
	return c.transfer(ctx, scripts+"/"+named(name)+"/download", w, most)
}

// transfer copies a file, at most so many bytes.
func (c *Client) transfer(ctx context.Context, path string, w io.Writer, most int64) error {
	ctx, cancel := context.WithTimeout(ctx, transfer)
	defer cancel()
	resp, err := c.send(ctx, request{method: http.MethodGet, path: path, header: http.Header{"Accept": {"*/*"}}})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body := &arriving{r: io.LimitReader(resp.Body, most+1)}
	n, err := io.Copy(w, body)
	switch {
	case body.err != nil:
		return unreachable(c.origin, body.err)
	case err != nil:
		return err
	case n > most:
		return fmt.Errorf("it has more than %d bytes", most)
	}
	return nil
}

// arriving has errors of reading be told from those of writing.
type arriving struct {
	r   io.Reader
	err error
}

func (a *arriving) Read(b []byte) (int, error) {
	n, err := a.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		a.err = err
	}
	return n, err
}
