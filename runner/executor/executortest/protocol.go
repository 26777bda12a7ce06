package executortest

import (
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/runner/executor"
)

func parametersAndResults(c check) {
	t, s := c.t, c.s
	s.need(t, Scripts)
	p := s.place(t)
	script := Script(version(t, "v"), map[string]string{"main.sh": "#!/bin/sh\ncat - $FAIRWAY_PARAMS >both\ncat both\ncat $FAIRWAY_PARAMS >$FAIRWAY_RESULTS\n"})
	for id, params := range map[string]string{"none": "", "some": `{"a":[1,2.50,"ü"]}`, "large": `{"a":"` + strings.Repeat("x", 300_000) + `"}`} {
		run := p.begin(executor.Attempt{ID: p.name(id), Script: script, Params: []byte(params)})
		exit, text := End(t, run)
		if params == "" {
			params = "{}"
		}
		if exit.Outcome != executor.Succeeded || exit.Code != 0 || exit.Reason != "" || strings.TrimSpace(text) != params+params {
			t.Errorf("%s: %+v %.100s", id, exit, text)
		}
		if got := Results(t, run); got != params {
			t.Errorf("%s: results %.100s", id, got)
		}
		if exit.Started.IsZero() || exit.Ended.Before(exit.Started) || s.has(Measures) && exit.CPU == 0 {
			t.Errorf("%+v", exit)
		}
	}
	// Whether it is JSON is for the caller to say.
	run := p.shell("text", "echo no JSON >$FAIRWAY_RESULTS", executor.Limits{})
	End(t, run)
	if got := Results(t, run); got != "no JSON" {
		t.Error(got)
	}
}

func environment(c check) {
	t, s := c.t, c.s
	s.need(t, Scripts)
	p := s.place(t)
	run := p.begin(executor.Attempt{
		ID: p.name("a-1"), Execution: "x-1", Number: 3,
		Script: Script(version(t, "v"), map[string]string{"main.sh": "#!/bin/sh\nenv\n[ \"$PWD\" = \"$FAIRWAY_WORK_DIR\" ] && [ -d \"$TMPDIR\" ] && [ -d \"$FAIRWAY_SCRIPT_DIR\" ] && echo right=yes\n"}),
		Env:    map[string]string{"EXECUTION_ID": "of another API", "TOKEN": "t"},
	})
	_, text := End(t, run)
	got := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		got[name] = value
	}
	for name, want := range map[string]string{
		"LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1",
		"FAIRWAY_EXECUTION_ID": "x-1", "FAIRWAY_ATTEMPT_ID": p.name("a-1"), "FAIRWAY_ATTEMPT": "3", "FAIRWAY_SCRIPT": "a-script",
		"HOME": got["FAIRWAY_WORK_DIR"], "ENV": "prod", "EXECUTION_ID": "of another API", "TOKEN": "t", "right": "yes",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, not %q", name, got[name], want)
		}
	}
}

func filesOfTheScript(c check) {
	t, s := c.t, c.s
	s.need(t, Scripts)
	p := s.place(t)
	script := Script(version(t, "v"), map[string]string{
		"main.sh": "#!/bin/sh\n. ./lib/words.sh\nsay\ncat lib/data.txt .hidden\necho new >made.txt && cat made.txt\n" +
			"echo x >>lib/data.txt || echo cannot change\nrm -f $FAIRWAY_SCRIPT_DIR/main.sh || echo cannot remove\n./tool one two\n",
		"lib/words.sh": "say() { echo hello; }\n", "lib/data.txt": "data\n", ".hidden": "hidden\n", "tool": "#!/bin/sh\necho tool $*\n",
	})
	exit, all := End(t, p.begin(executor.Attempt{ID: p.name("a"), Script: script}))
	var out strings.Builder // what it wrote to standard output: how that and standard error are mixed nobody promises
	for line := range strings.Lines(all) {
		if !strings.HasPrefix(line, "e:") {
			out.WriteString(line)
		}
	}
	text := out.String()
	for _, want := range []string{"hello\n", "data\nhidden\nnew\n", "cannot change\n", "cannot remove\n", "tool one two\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in %s", want, text)
		}
	}
	if exit.Outcome != executor.Succeeded {
		t.Errorf("%+v", exit)
	}
}

func commands(c check) {
	t, s := c.t, c.s
	s.need(t, Scripts)
	p := s.place(t)
	for name, test := range map[string]struct {
		command []string
		files   map[string]string
		want    string
		refused string
		code    int // where programs that cannot be run are not refused
		err     string
	}{
		"a file of the script":   {command: []string{"./bin/run", "a b", "c"}, files: map[string]string{"bin/run": "#!/bin/sh\necho \"$1\" $2 $0 | sed s,/.*/,,\n"}, want: "a b c run\n"},
		"a program of the path":  {command: []string{"sh", "main.txt"}, files: map[string]string{"main.txt": "echo from sh\n"}, want: "from sh\n"},
		"a program by its path":  {command: []string{"/bin/echo", "x"}, files: map[string]string{"any": ""}, want: "x\n"},
		"env finds it":           {files: map[string]string{"main": "#!/usr/bin/env sh\necho found\n"}, want: "found\n"},
		"an argument":            {files: map[string]string{"main": "#!/bin/sh -e\nfalse\necho not here\n"}, want: ""},
		"no such program":        {command: []string{"no-such-program"}, files: map[string]string{"any": ""}, refused: "no-such-program", code: 127},
		"no such file":           {command: []string{"./nothing"}, files: map[string]string{"any": ""}, refused: "no such file", code: 127},
		"no such interpreter":    {files: map[string]string{"main": "#!/no/such\n"}, refused: "no such file", code: 127},
		"outside of the script":  {command: []string{"../../../../bin/sh"}, files: map[string]string{"any": ""}, err: "is no file of the script"},
		"what it may not see":    {command: []string{"/etc/shadow"}, files: map[string]string{"any": ""}, refused: "permission denied", code: 126},
		"not to be run, no line": {command: []string{"./data"}, files: map[string]string{"data": "\x00"}, refused: "exec format error", code: -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id := strings.Map(func(r rune) rune { return map[bool]rune{true: '-', false: r}[r == ' ' || r == ','] }, name)
			script := Script(version(t, id), test.files)
			script.Command = test.command
			if err := p.Prepare(t.Context(), script, nil); err != nil {
				t.Fatal(err)
			}
			run, err := p.Start(t.Context(), executor.Attempt{ID: p.name(id), Script: script})
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			exit, text := End(t, run)
			switch {
			case test.refused != "" && s.has(Refuses):
				if exit.Outcome != executor.Refused || exit.Code != -1 || !strings.Contains(exit.Reason, test.refused) {
					t.Errorf("%+v", exit)
				}
			case test.refused != "":
				// A shell runs what the kernel cannot.
				if test.code > 0 && (exit.Outcome != executor.Failed || exit.Code != test.code) {
					t.Errorf("%+v", exit)
				}
			case text != test.want:
				t.Errorf("%+v %q", exit, text)
			}
		})
	}
}

func notPrepared(c check) {
	t, s := c.t, c.s
	s.need(t, Scripts)
	p := s.place(t)
	if _, err := p.Start(t.Context(), executor.Attempt{ID: p.name("a"), Script: executor.Script{Version: version(t, "v")}}); !errors.Is(err, executor.ErrNotPrepared) {
		t.Errorf("got %v", err)
	}
	if ids, err := p.Attempts(t.Context()); err != nil || len(ids) > 0 {
		t.Errorf("%q %v", ids, err)
	}
	for want, files := range map[string]map[string]string{
		"there is nothing to run":   {"configuration.json": "{}"},
		"has no pip_index":          {"src/main.py": "", "requirements.txt": "numpy\n"},
		"options are not allowed":   {"src/main.py": "", "requirements.txt": "--index-url http://evil\n"},
		"neither addresses nor pat": {"src/main.py": "", "requirements.txt": "x @ file:///etc/passwd\n"},
	} {
		bad := Script(version(t, "bad"), files)
		if err := p.Prepare(t.Context(), bad, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
		if _, err := p.Start(t.Context(), executor.Attempt{ID: p.name("a"), Script: bad}); !errors.Is(err, executor.ErrNotPrepared) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func output(c check) {
	t, s := c.t, c.s
	s.need(t, Scripts)
	p := s.place(t)
	long := strings.Repeat("long", 10_000)
	run := p.begin(executor.Attempt{ID: p.name("a"), Script: Script(version(t, "v"), map[string]string{
		"long":    long + "\n",
		"main.sh": "#!/bin/sh\necho one; sleep 0.05; echo two >&2; echo; cat long; sleep 0.05; printf 'no end'; sleep 0.05; echo; i=0; while [ $i -lt 200 ]; do echo n$i; i=$((i+1)); done\nprintf 'last'",
	})})
	_, text := End(t, run)
	var lines []string
	for line := range strings.Lines(text) {
		if line != "e:two\n" { // what two streams say at nearly the same time may come in any order
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	if len(lines) != 205 || lines[0] != "one" || lines[1] != "" || lines[2] != long || lines[3] != "no end" || lines[4] != "n0" || lines[203] != "n199" || lines[204] != "last" || !strings.Contains(text, "e:two\n") {
		t.Errorf("%d lines: %.300q", len(lines), lines)
	}
	// From each record on the rest can be read.
	output, err := run.Output(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	offsets := map[int64]int{}
	var texts []string
	for count := 0; ; count++ {
		offsets[output.Offset()] = count
		record, err := output.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(record.Text))
	}
	for i, offset := range slices.Sorted(maps.Keys(offsets)) {
		if i%20 > 0 && i > 10 && i < len(texts)-3 {
			continue
		}
		again, err := run.Output(t.Context(), offset)
		if err != nil {
			t.Fatal(err)
		}
		var rest []string
		for {
			record, err := again.Next(t.Context())
			if err != nil {
				break
			}
			rest = append(rest, string(record.Text))
		}
		again.Close()
		if diff := cmp.Diff(strings.Join(texts[offsets[offset]:], "\n"), strings.Join(rest, "\n")); diff != "" {
			t.Errorf("from %d on: %.300s", offset, diff)
		}
	}
	if _, err := run.Output(t.Context(), -1); err == nil {
		t.Error("an offset can be negative")
	}
}

func firstLine(c check) {
	t, s := c.t, c.s
	s.need(t, Scripts)
	p := s.place(t)
	run := p.shell("a", `echo first; sleep 1000`, executor.Limits{Grace: 1})
	Says(t, run, "first")
	if s.has(Prompts) {
		prompt := p.shell("b", `printf 'name? '; sleep 1000`, executor.Limits{Grace: 1})
		Says(t, prompt, "name?")
	}
	if err := run.Kill(t.Context(), executor.CauseCancel); err != nil {
		t.Fatal(err)
	}
	if exit, _ := End(t, run); exit.Outcome != executor.Cancelled || s.has(Kills) && exit.Signal != "SIGKILL" {
		t.Errorf("%+v", exit)
	}
}

func outputLimit(c check) {
	t, s := c.t, c.s
	s.need(t, Scripts)
	p := s.place(t)
	const most = 200_000
	run := p.shell("a", "yes 0123456789012345678901234567890123456789 | head -c 8000000; echo end", executor.Limits{Output: most})
	exit, text := End(t, run)
	if exit.Outcome != executor.Succeeded || len(text) > most+1000 || len(text) < most/4 || s.has(Measures) && exit.Dropped < 7_000_000 {
		t.Errorf("%+v, %d bytes", exit, len(text))
	}
	if strings.Count(text, "n:The output was cut here: no more than 200000 bytes are kept") != 1 {
		t.Errorf("it does not say so once: %s", text[max(0, len(text)-300):])
	}
}

func exits(c check) {
	t, s := c.t, c.s
	s.need(t, Scripts)
	p := s.place(t)
	for name, test := range map[string]struct {
		text string
		want executor.Exit
	}{
		"zero":     {"exit 0", executor.Exit{Outcome: executor.Succeeded}},
		"code":     {"exit 3", executor.Exit{Outcome: executor.Failed, Code: 3, Reason: "it exited with 3"}},
		"terminal": {"kill -TERM $$; sleep 1000", executor.Exit{Outcome: executor.Failed, Code: 143, Signal: "SIGTERM", Reason: "it was ended by SIGTERM"}},
		"segment":  {"kill -SEGV $$; sleep 1000", executor.Exit{Outcome: executor.Failed, Code: 139, Signal: "SIGSEGV", Reason: "it was ended by SIGSEGV"}},
	} {
		exit, text := End(t, p.shell(name, test.text, executor.Limits{}))
		got := executor.Exit{Outcome: exit.Outcome, Code: exit.Code, Signal: exit.Signal, Reason: exit.Reason}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s\n%s", name, diff, text)
		}
	}
}
