package executor_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/runner/executor"
)

func TestParseLine(t *testing.T) {
	t.Parallel()
	progress := func(n int, text string) executor.Line {
		return executor.Line{Kind: executor.KindProgress, Progress: n, Text: text}
	}
	log := func(level, text string) executor.Line {
		return executor.Line{Kind: executor.KindLog, Level: level, Text: text}
	}
	for line, want := range map[string]executor.Line{
		"::fairway progress 0":                   progress(0, ""),
		"::fairway progress 42":                  progress(42, ""),
		"::fairway progress 42\r":                progress(42, ""),
		"::fairway progress 99.9 tiles are read": progress(99, "tiles are read"),
		"::fairway progress 100":                 progress(100, ""),
		"::fairway log INFO hello":               log("INFO", "hello"),
		"::fairway log WARN a%0Ab%25":            log("WARNING", "a\nb%"),
		"::fairway log ERROR 100% %250A":         log("ERROR", "100% %0A"),
		"::fairway log DEBUG ":                   log("DEBUG", ""),
	} {
		if diff := cmp.Diff(want, executor.ParseLine(line)); diff != "" {
			t.Errorf("%q: %s", line, diff)
		}
	}
	for _, text := range []string{
		"", "hello", " ::fairway progress 1", "::fairway progress", "::fairway progress 101", "::fairway progress -1", "::fairway progress NaN",
		"::fairway progress 0x10", "::fairway progress 1e1", "::fairway progress 1_0", "::fairway progress " + strings.Repeat("0", 40), "::fairway progress ..",
		"::fairway log LOUD x", "::fairway log", "::fairway logs INFO x", "::FAIRWAY progress 1",
	} {
		if diff := cmp.Diff(executor.Line{Text: text}, executor.ParseLine(text)); diff != "" {
			t.Errorf("%q is no text: %s", text, diff)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	f.Add("::fairway progress 42 x", "a%0A\n\r")
	f.Fuzz(func(t *testing.T, line, text string) {
		parsed := executor.ParseLine(line)
		if parsed.Progress < 0 || parsed.Progress > 100 {
			t.Errorf("%q: progress %d", line, parsed.Progress)
		}
		if parsed.Kind == executor.KindText && parsed.Text != line {
			t.Errorf("%q was changed to %q", line, parsed.Text)
		}
		said := executor.LogLine("ERROR", text)
		if got := executor.ParseLine(said); got.Text != text || got.Level != "ERROR" || strings.ContainsAny(said, "\r\n") {
			t.Errorf("%q came back as %+v", text, got)
		}
	})
}

func TestFindEntry(t *testing.T) {
	t.Parallel()
	files := func(names ...string) fstest.MapFS {
		found := fstest.MapFS{}
		for _, name := range names {
			name, text, _ := strings.Cut(name, "=")
			found[name] = &fstest.MapFile{Data: []byte(text)}
		}
		return found
	}
	for name, test := range map[string]struct {
		files fstest.MapFS
		want  executor.Entry
		err   string
	}{
		"Trends.Earth": {
			files: files("configuration.json={}", "requirements.txt=", "src/__init__.py=", "src/main.py=", "main.sh=#!/bin/sh"),
			want:  executor.Entry{Python: true, File: "src/main.py", Requirements: "requirements.txt"},
		},
		"one file": {
			files: files("anything.sh=#!/bin/sh\necho"),
			want:  executor.Entry{File: "anything.sh", Interpreter: []string{"/bin/sh"}},
		},
		"main among others, with env": {
			files: files("main.py=#! /usr/bin/env  python3 -u\n", "other.py=", "README.md="),
			want:  executor.Entry{File: "main.py", Interpreter: []string{"/usr/bin/env", "python3 -u"}},
		},
		"nothing":          {files: files("configuration.json={}"), err: "there is nothing to run"},
		"two":              {files: files("a.sh=#!/bin/sh", "b.sh=#!/bin/sh"), err: "which of a.sh, b.sh"},
		"two named main":   {files: files("main.sh=#!/bin/sh", "main.py=#!/bin/sh"), err: "which of main.py, main.sh"},
		"no shebang":       {files: files("main.sh=echo"), err: "does not begin with #!"},
		"a short name":     {files: files("main.sh=#!sh\n"), err: "by its whole path"},
		"an endless line":  {files: files("main.sh=#!/" + strings.Repeat("a", 500)), err: "too long"},
		"a NUL":            {files: files("main.sh=#!/bin/sh\x00\n"), err: "by its whole path"},
		"an empty shebang": {files: files("main.sh=#!\n"), err: "by its whole path"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := executor.FindEntry(test.files)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Fatalf("got %v, want %q", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAttemptCheck(t *testing.T) {
	t.Parallel()
	good := executor.Attempt{ID: "a-1", Script: executor.Script{Version: "v_1"}, Env: map[string]string{"EXECUTION_ID": "1"}}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*executor.Attempt){
		"empty id":         func(a *executor.Attempt) { a.ID = "" },
		"id with a path":   func(a *executor.Attempt) { a.ID = "../x" },
		"id with a dot":    func(a *executor.Attempt) { a.ID = ".." },
		"long id":          func(a *executor.Attempt) { a.ID = strings.Repeat("a", 65) },
		"version":          func(a *executor.Attempt) { a.Script.Version = "a/b" },
		"protocol's name":  func(a *executor.Attempt) { a.Env = map[string]string{"FAIRWAY_RESULTS": "/etc/passwd"} },
		"name with =":      func(a *executor.Attempt) { a.Env = map[string]string{"a=b": ""} },
		"value with NUL":   func(a *executor.Attempt) { a.Env = map[string]string{"a": "\x00"} },
		"negative limit":   func(a *executor.Attempt) { a.Limits.Disk = -1 },
		"too little":       func(a *executor.Attempt) { a.Limits.Memory = 1 },
		"too few files":    func(a *executor.Attempt) { a.Limits.OpenFiles = 3 },
		"negative timeout": func(a *executor.Attempt) { a.Limits.Timeout = -1 },
	} {
		attempt := good
		spoil(&attempt)
		if attempt.Check() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzFindEntry(f *testing.F) {
	f.Add("main", "#!/bin/sh\n")
	f.Add("x.py", "#! /usr/bin/env  python3 -u\r\n")
	f.Add("main.R", "#!\x00")
	f.Fuzz(func(t *testing.T, name, text string) {
		if !fs.ValidPath(name) {
			return
		}
		entry, err := executor.FindEntry(fstest.MapFS{name: {Data: []byte(text)}})
		if err != nil || entry.Python {
			return
		}
		if len(entry.Interpreter) < 1 || len(entry.Interpreter) > 2 || !strings.HasPrefix(entry.Interpreter[0], "/") {
			t.Errorf("%q of %q", entry.Interpreter, text)
		}
		for _, word := range entry.Interpreter {
			if word == "" || strings.ContainsAny(word, "\x00\n") {
				t.Errorf("%q of %q", entry.Interpreter, text)
			}
		}
	})
}
