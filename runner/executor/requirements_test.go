package executor_test

import (
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/runner/executor"
)

func FuzzRequirements(f *testing.F) {
	for _, text := range []string{"numpy\n", "# x\n\ufeffa>=1 # b\n", "-r x", "a @ file:///x", "a \\\n--index-url=x", "${HOME}", "a\r--pre\r", "a\x0b--pre", "a\u2028--pre", "a --config-settings=x=y", "a==1 --hash=sha256:00"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		wanted, err := executor.ParseRequirements(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, line := range wanted {
			if line == "" || line != strings.TrimSpace(line) || strings.HasPrefix(line, "#") || strings.ContainsAny(line, "/\\@$\x00\r\n\v\f\x1c\x1d\x1e\u0085\u2028\u2029") {
				t.Errorf("%q of %q", line, text)
			}
			for word := range strings.FieldsSeq(line) {
				if strings.HasPrefix(word, "-") && !strings.HasPrefix(word, "--hash=") {
					t.Errorf("%q of %q", line, text)
				}
			}
		}
	})
}
