package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// message is something that the gateway's own code says in its log.
type message struct {
	text, level, from string
	fields            []string
}

// logMethods are the methods of a logger that say something, with the level of each.
func logMethods() map[string]string {
	out := map[string]string{"LogAttrs": ""}
	for _, level := range []string{"Debug", "Info", "Warn", "Error"} {
		out[level], out[level+"Context"] = strings.ToLower(level), strings.ToLower(level)
	}
	return out
}

// messages reads what is logged out of the source below a directory, in the order of its files.
func messages(root string) ([]message, error) {
	var out []message
	for _, top := range []string{"modules", "proxies", "queries", "runner"} {
		packages := map[string][]string{}
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, d fs.DirEntry, err error) error { //nolint:gosec // where its caller says
			if err != nil || d.IsDir() {
				return err
			}
			if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
				packages[filepath.Dir(path)] = append(packages[filepath.Dir(path)], path)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("looking for messages: %w", err)
		}
		for _, dir := range slices.Sorted(maps.Keys(packages)) {
			from, err := filepath.Rel(root, dir)
			if err != nil {
				return nil, fmt.Errorf("looking for messages: %w", err)
			}
			found, err := messagesOf(filepath.ToSlash(from), packages[dir])
			if err != nil {
				return nil, err
			}
			out = append(out, found...)
		}
	}
	return out, nil
}

// messagesOf reads the files of one package.
func messagesOf(from string, files []string) ([]message, error) {
	var parsed []*ast.File
	functions := map[string]*ast.FuncDecl{}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			return nil, fmt.Errorf("looking for messages: %w", err)
		}
		parsed = append(parsed, f)
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
				functions[fn.Name.Name] = fn
			}
		}
	}
	var out []message
	for _, f := range parsed {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			ast.Inspect(fn.Body, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				if m, ok := messageOf(call, fn, functions); ok {
					m.from = from
					out = append(out, m)
				}
				return true
			})
		}
	}
	return out, nil
}

// ofLogger is what a logger is called in the source.
var ofLogger = regexp.MustCompile(`(?i)log(ger)?$`)

// messageOf reads one call.
func messageOf(call *ast.CallExpr, in *ast.FuncDecl, functions map[string]*ast.FuncDecl) (message, bool) {
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return message{}, false
	}
	level, ok := logMethods()[method.Sel.Name]
	if !ok || !ofLogger.MatchString(lastName(method.X)) {
		return message{}, false
	}
	at := slices.IndexFunc(call.Args, func(e ast.Expr) bool { _, ok := literal(e); return ok })
	if at < 0 || at > 2 {
		return message{}, false
	}
	m := message{level: level}
	m.text, _ = literal(call.Args[at])
	if method.Sel.Name == "LogAttrs" {
		m.level = levels(call.Args[1], in)
	}
	names := map[string]bool{}
	for _, arg := range call.Args[at+1:] {
		attributes(arg, names)
		if !call.Ellipsis.IsValid() {
			continue
		}
		// Attributes that were put together before: by this function, or by one of this package that it calls.
		attributes(in.Body, names)
		if made, ok := arg.(*ast.CallExpr); ok {
			if fn := functions[lastName(made.Fun)]; fn != nil {
				attributes(fn.Body, names)
			}
		}
	}
	m.fields = slices.Sorted(maps.Keys(names))
	return m, true
}

// levels are those that a message may have whose level is a variable of its function.
func levels(e ast.Expr, in *ast.FuncDecl) string {
	if name := lastName(e); strings.HasPrefix(name, "Level") {
		return strings.ToLower(strings.TrimPrefix(name, "Level"))
	}
	var out []string
	ast.Inspect(in.Body, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if level, isLevel := strings.CutPrefix(lastNameOf(s, ok), "Level"); isLevel && !slices.Contains(out, strings.ToLower(level)) {
			out = append(out, strings.ToLower(level))
		}
		return true
	})
	return strings.Join(out, ", ")
}

func lastNameOf(s *ast.SelectorExpr, ok bool) string {
	if !ok {
		return ""
	}
	return s.Sel.Name
}

// attributes adds the names of slog's attributes in a piece of source.
func attributes(in ast.Node, names map[string]bool) {
	ast.Inspect(in, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		made, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || lastName(made.X) != "slog" {
			return true
		}
		if name, ok := literal(call.Args[0]); ok {
			names[name] = true
		} else if _, ok := call.Args[0].(*ast.Ident); ok && made.Sel.Name == "String" {
			keys(in, names) // the name is that of a loop over a map
		}
		return true
	})
}

// keys adds the keys of the maps of texts in a piece of source.
func keys(n ast.Node, names map[string]bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		lit, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		if _, ok := lit.Type.(*ast.MapType); !ok {
			return true
		}
		for _, e := range lit.Elts {
			if pair, ok := e.(*ast.KeyValueExpr); ok {
				if name, ok := literal(pair.Key); ok {
					names[name] = true
				}
			}
		}
		return true
	})
}

// lastName is the last name of an expression: log of r.cfg.log, Slogger of a.ctx.Slogger().
func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.CallExpr:
		if name := lastName(e.Fun); name == "Slogger" || name == "Logger" || name == "Log" {
			return "logger"
		}
		return lastName(e.Fun)
	}
	return ""
}

// literal is the text of a literal, or of its beginning where more is added.
func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			s, err := strconv.Unquote(e.Value)
			return s, err == nil
		}
	case *ast.BinaryExpr:
		if s, ok := literal(e.X); ok {
			return s + "…", true
		}
	}
	return "", false
}

// table is the table of messages: equal ones of a package are one row.
func table(all []message) string {
	rows := make([]string, 0, len(all))
	for _, m := range all {
		fields := "`" + strings.Join(m.fields, "`, `") + "`"
		if len(m.fields) == 0 {
			fields = ""
		}
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s | %s |\n", m.text, m.level, fields, m.from))
	}
	slices.Sort(rows)
	return "| message | level | fields | from |\n| --- | --- | --- | --- |\n" + strings.Join(slices.Compact(rows), "")
}
