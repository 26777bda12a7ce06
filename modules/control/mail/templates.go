package mail

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	texttemplate "text/template"
	"time"
)

//go:embed templates
var builtin embed.FS

const (
	kindCreated  = "created"
	kindRecovery = "recovery"
	kindEnded    = "ended"
	kindPlain    = "plain"  // it has no template: somebody wrote it
	kindNotice   = "notice" // it has none either
)

const (
	// mostTemplate is how large a file of a template may be, mostRendered what is made of one, in bytes.
	mostTemplate = 256 << 10
	mostRendered = 1 << 20
)

// View is what a template sees.
type View struct {
	// Address is whom the letter is for.
	Address string
	// Gateway is where links lead, "https://gateway.example.org"; without public_url it is "this gateway".
	Gateway string
	// Link is where the password is set.
	Link string
	// Expires is until when the link works, in UTC, and Until says that in words: "before 15:04 UTC on 2 January 2006".
	Expires time.Time
	Until   string
	// Ended are executions that have ended, Count how many; there is no link then but those of each.
	Ended []Ended
	Count int
}

// content is a letter that can be read.
type content struct{ subject, text, html string }

// template is that of one kind of letters.
type template struct {
	text *texttemplate.Template // its first line is the subject
	html *htmltemplate.Template
}

type templates map[string]template

// readTemplates reads the templates, those in folder instead of the built-in ones of the same names, and tries each.
func readTemplates(folder string) (templates, error) {
	own, err := ownFiles(folder)
	if err != nil {
		return nil, err
	}
	out := templates{}
	for kind, tried := range trials() {
		text, err := own.read(kind + ".txt")
		if err != nil {
			return nil, err
		}
		html, err := own.read(kind + ".html")
		if err != nil {
			return nil, err
		}
		var t template
		if t.text, err = texttemplate.New(kind + ".txt").Parse(text); err != nil {
			return nil, fmt.Errorf("the template %s.txt: %w", kind, err)
		}
		if t.html, err = htmltemplate.New(kind + ".html").Parse(html); err != nil {
			return nil, fmt.Errorf("the template %s.html: %w", kind, err)
		}
		out[kind] = t
		for _, view := range tried {
			if err := out.try(kind, view); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// tryLink is in each view that a template is tried with.
const tryLink = "/x?token=y"

// trials are the kinds that have templates, with what each is tried with.
func trials() map[string][]View {
	now := time.Date(2006, 1, 2, 15, 4, 0, 0, time.UTC)
	view := View{Address: "somebody@example.org", Gateway: "https://gateway.example.org"}
	setting, one, several := view, view, view
	setting.Link, setting.Expires, setting.Until = view.Gateway+tryLink, now, until(now)
	one.Ended = []Ended{{ID: "1", Script: "land", Status: "FINISHED", At: now, Took: time.Second, Link: view.Gateway + tryLink}}
	several.Ended = append([]Ended{{ID: "2", Script: "sea", Status: "FAILED", At: now, Link: view.Gateway + "/2"}}, one.Ended...)
	one.Count, several.Count = len(one.Ended), len(several.Ended)
	return map[string][]View{kindCreated: {setting}, kindRecovery: {setting}, kindEnded: {one, several}}
}

// try makes a letter, in which there has to be the link.
func (t templates) try(kind string, v View) error {
	got, err := t.render(kind, v)
	if err != nil {
		return err
	}
	for name, part := range map[string]string{".txt": got.text, ".html": got.html} {
		if strings.Contains(part, tryLink) {
			continue
		}
		if len(v.Ended) > 0 {
			return fmt.Errorf("the template %s%s has not {{.Link}} of each of {{.Ended}}: nobody would know of what it tells", kind, name)
		}
		return fmt.Errorf("the template %s%s has no {{.Link}}: nobody could set a password", kind, name)
	}
	return nil
}

// files are templates by name, beside the built-in ones.
type files map[string]string

// ownFiles reads a folder of templates. What has no built-in one of its name is a mistake.
func ownFiles(folder string) (files, error) {
	if folder == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("templates of mail: %w", err)
	}
	known, err := fs.ReadDir(builtin, "templates")
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("templates of mail: %w", err)
	}
	defer root.Close()
	out := files{}
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() || !strings.HasSuffix(name, ".txt") && !strings.HasSuffix(name, ".html") {
			continue // a README, or an editor's
		}
		if !slices.ContainsFunc(known, func(k fs.DirEntry) bool { return k.Name() == name }) {
			return nil, fmt.Errorf("there is no letter for the template %s; there are created, recovery and ended, each with .txt and .html", name)
		}
		f, err := root.Open(name)
		if err != nil {
			return nil, fmt.Errorf("templates of mail: %w", err)
		}
		text, err := io.ReadAll(io.LimitReader(f, mostTemplate+1))
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("templates of mail: %w", err)
		}
		if len(text) > mostTemplate {
			return nil, fmt.Errorf("the template %s has more than %d bytes", name, mostTemplate)
		}
		out[name] = string(text)
	}
	return out, nil
}

func (f files) read(name string) (string, error) {
	if text, ok := f[name]; ok {
		return text, nil
	}
	text, err := builtin.ReadFile("templates/" + name)
	return string(text), err
}

// render makes a letter.
func (t templates) render(kind string, v View) (content, error) {
	one, ok := t[kind]
	if !ok {
		return content{}, fmt.Errorf("this version of the gateway knows no letters of the kind %s", shown(kind))
	}
	var text, html limited
	if err := one.text.Execute(&text, v); err != nil {
		return content{}, fmt.Errorf("the template %s.txt: %w", kind, err)
	}
	if err := one.html.Execute(&html, v); err != nil {
		return content{}, fmt.Errorf("the template %s.html: %w", kind, err)
	}
	head, body, ok := strings.Cut(strings.ReplaceAll(text.String(), "\r\n", "\n"), "\n\n")
	subject, ok2 := strings.CutPrefix(head, "Subject: ")
	if !ok || !ok2 {
		return content{}, fmt.Errorf("the template %s.txt begins with a line \"Subject: …\" and an empty one", kind)
	}
	if err := checkSubject(subject); err != nil {
		return content{}, fmt.Errorf("the template %s.txt: %w", kind, err)
	}
	return content{subject: subject, text: strings.TrimLeft(body, "\n"), html: html.String()}, nil
}

// limited is what a template writes to.
type limited struct{ bytes.Buffer }

// Write refuses what is too much.
func (l *limited) Write(b []byte) (int, error) {
	if l.Len()+len(b) > mostRendered {
		return 0, fmt.Errorf("it makes more than %d bytes", mostRendered)
	}
	return l.Buffer.Write(b)
}

// until says a time in words.
func until(t time.Time) string {
	return t.UTC().Format("before 15:04 UTC on 2 January 2006")
}
