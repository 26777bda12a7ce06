package main

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// ours is what the import paths of our packages begin with.
const ours = "github.com/fairway-gateway/fairway/"

// comments are those of the exported types of a package, and of their fields.
type comments struct {
	types  map[string]string
	fields map[string]map[string]string
}

// reference is the page of the configuration in JSON, while it is written.
type reference struct {
	root string
	read map[string]comments
	// types are those that are still to be described, in the order of their first mention.
	types []reflect.Type
	// missing are fields without a comment.
	missing []error
	b       strings.Builder
}

// configuration writes the page of the configuration in JSON: each of our modules, and each type that they are made of.
func configuration(root string) (string, error) {
	r := &reference{root: root, read: map[string]comments{}}
	r.b.WriteString(configurationHead)
	var infos []caddy.ModuleInfo
	for _, id := range caddy.Modules() {
		info, err := caddy.GetModule(id)
		if err != nil {
			return "", fmt.Errorf("%s: %w", id, err)
		}
		if strings.HasPrefix(structOf(info).PkgPath(), ours) {
			infos = append(infos, info)
		}
	}
	slices.SortFunc(infos, func(a, b caddy.ModuleInfo) int { return strings.Compare(string(a.ID), string(b.ID)) })
	for _, info := range infos {
		t := structOf(info)
		doc, err := r.comments(t.PkgPath())
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&r.b, "\n### %s\n\n%s\n", info.ID, paragraph(doc.types[t.Name()]))
		if err := r.fields(t); err != nil {
			return "", err
		}
	}
	r.b.WriteString("\n## Types\n")
	headings := map[string]reflect.Type{}
	for i := 0; i < len(r.types); i++ { //nolint:intrange // they become more
		t := r.types[i]
		if other, ok := headings[t.String()]; ok && other != t {
			return "", fmt.Errorf("two types are called %s: of %s and %s", t, t.PkgPath(), other.PkgPath())
		}
		headings[t.String()] = t
		doc, err := r.comments(t.PkgPath())
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&r.b, "\n### %s\n\n%s\n", t, paragraph(doc.types[t.Name()]))
		if err := r.fields(t); err != nil {
			return "", err
		}
	}
	return r.b.String(), errors.Join(r.missing...)
}

const configurationHead = `# The configuration in JSON

<!-- made by internal/reference of the comments in the source: make generate -->

Caddy runs JSON; a Caddyfile is another way to write it, and ` + "`fairway adapt`" + ` shows the one as the other. Here is every member of what is ours, as it is in the
source. The words of a Caddyfile are in [caddyfile.md](caddyfile.md), which says more of each. What is Caddy's is in [its own reference](https://caddyserver.com/docs/json/).

A duration is text, ` + "`\"1m30s\"`" + `, or a number of nanoseconds; a size is text, ` + "`\"10MiB\"`" + `, or a number of bytes. Members that are left out have their defaults; one that is not known is an error.

## Modules
`

func structOf(info caddy.ModuleInfo) reflect.Type {
	t := reflect.TypeOf(info.New())
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// fields writes the table of a type's members, those of embedded types among them.
func (r *reference) fields(t reflect.Type) error {
	rows, err := r.rows(t)
	if err != nil || len(rows) == 0 {
		return err
	}
	r.b.WriteString("\n| member | type | |\n| --- | --- | --- |\n" + strings.Join(rows, ""))
	return nil
}

func (r *reference) rows(t reflect.Type) ([]string, error) {
	if t.Kind() != reflect.Struct {
		return nil, nil
	}
	doc, err := r.comments(t.PkgPath())
	if err != nil {
		return nil, err
	}
	var rows []string
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || !f.IsExported() && !f.Anonymous:
			continue
		case f.Anonymous && name == "":
			embedded := f.Type
			if embedded.Kind() == reflect.Pointer {
				embedded = embedded.Elem()
			}
			if !strings.HasPrefix(embedded.PkgPath(), ours) {
				continue
			}
			more, err := r.rows(embedded)
			if err != nil {
				return nil, err
			}
			rows = append(rows, more...)
			continue
		case name == "":
			continue // nothing of the configuration: such a field has a tag
		}
		said := paragraph(doc.fields[t.Name()][f.Name])
		if said == "" {
			r.missing = append(r.missing, fmt.Errorf("%s.%s of %s has no comment", t, f.Name, t.PkgPath()))
		}
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s |\n", name, r.typeName(f.Type, f.Tag.Get("caddy")), strings.ReplaceAll(said, "|", "\\|")))
	}
	return rows, nil
}

// typeName says what a member is in JSON.
func (r *reference) typeName(t reflect.Type, caddyTag string) string {
	if namespace, ok := strings.CutPrefix(caddyTag, "namespace="); ok {
		namespace, key, _ := strings.Cut(namespace, " inline_key=")
		one := "module of `" + namespace + "`"
		if key != "" {
			one += ", named by its member `" + key + "`"
		}
		switch {
		case t == reflect.TypeFor[json.RawMessage]():
			return one
		case t.Kind() == reflect.Slice:
			return "list: " + one
		default:
			return "object: " + one
		}
	}
	switch {
	case t.String() == "wrap.Duration" || t.String() == "caddy.Duration" || t.String() == "time.Duration":
		return "duration"
	case t.String() == "wrap.Size":
		return "size"
	case t == reflect.TypeFor[json.RawMessage]():
		return "any"
	case t.Kind() != reflect.Pointer && (reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) || reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())):
		return "text"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return r.typeName(t.Elem(), "")
	case reflect.Slice, reflect.Array:
		return "list: " + r.typeName(t.Elem(), "")
	case reflect.Map:
		return "object: " + r.typeName(t.Elem(), "")
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Struct:
		if !slices.Contains(r.types, t) {
			r.types = append(r.types, t)
		}
		anchor := strings.ToLower(strings.NewReplacer(".", "", "*", "").Replace(t.String()))
		return fmt.Sprintf("[%s](#%s)", t, anchor)
	case reflect.Interface:
		return "any"
	default:
		return "number"
	}
}

// comments reads those of a package of ours.
func (r *reference) comments(path string) (comments, error) {
	if c, ok := r.read[path]; ok {
		return c, nil
	}
	c := comments{types: map[string]string{}, fields: map[string]map[string]string{}}
	files, err := filepath.Glob(filepath.Join(r.root, strings.TrimPrefix(path, ours), "*.go"))
	if err != nil {
		return c, fmt.Errorf("the source of %s: %w", path, err)
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			return c, fmt.Errorf("the source of %s: %w", path, err)
		}
		for _, d := range parsed.Decls {
			group, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, s := range group.Specs {
				if spec, ok := s.(*ast.TypeSpec); ok {
					c.add(spec, group.Doc)
				}
			}
		}
	}
	r.read[path] = c
	return c, nil
}

func (c comments) add(spec *ast.TypeSpec, group *ast.CommentGroup) {
	doc := spec.Doc
	if doc == nil {
		doc = group
	}
	c.types[spec.Name.Name] = doc.Text()
	body, ok := spec.Type.(*ast.StructType)
	if !ok {
		return
	}
	fields, above := map[string]string{}, ""
	for _, f := range body.Fields.List {
		said := f.Doc.Text() + f.Comment.Text()
		for _, name := range f.Names {
			if said == "" && strings.Contains(above, name.Name) { // one comment is of both
				said = above
			}
			fields[name.Name] = said
		}
		above = said
	}
	c.fields[spec.Name.Name] = fields
}

// paragraph is a comment in one line.
func paragraph(comment string) string { return strings.Join(strings.Fields(comment), " ") }
