package webhooks

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/internal/required"
)

// TestReceiverOfThePage has the receiver of docs/events.md check what is really sent, and what somebody has changed.
func TestReceiverOfThePage(t *testing.T) {
	t.Parallel()
	python := required.Program(t, "python3")
	page, err := os.ReadFile("../../../docs/events.md")
	must(t, err)
	_, rest, found := strings.Cut(string(page), "```python\n")
	program, _, ends := strings.Cut(rest, "```")
	if !found || !ends {
		t.Fatal("the page has no receiver")
	}
	key := bytes.Repeat([]byte{7}, secretSize)
	body, err := json.Marshal(newEvent())
	must(t, err)
	ask := func(secret string, at time.Time, signature string, sent []byte) string {
		t.Helper()
		headers, err := json.Marshal(map[string]string{"webhook-id": "1", "webhook-timestamp": strconv.FormatInt(at.Unix(), 10), "webhook-signature": signature})
		must(t, err)
		cmd := exec.CommandContext(t.Context(), python, "-c", program+"\nimport json, sys\nprint(genuine(sys.argv[1], json.loads(sys.argv[2]), sys.stdin.buffer.read()))", secret, string(headers))
		cmd.Stdin = bytes.NewReader(sent)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return strings.TrimSpace(string(out))
	}
	secret, now := secretPrefix+base64.StdEncoding.EncodeToString(key), time.Now()
	sig := Sign(key, "1", now, body)
	for name, c := range map[string]struct{ got, want string }{
		"what was sent":       {ask(secret, now, sig, body), "True"},
		"one of two":          {ask(secret, now, "v1,AAAA "+sig, body), "True"},
		"another body":        {ask(secret, now, sig, append(body, ' ')), "False"},
		"another time":        {ask(secret, now.Add(time.Minute), sig, body), "False"},
		"of yesterday":        {ask(secret, now.Add(-24*time.Hour), Sign(key, "1", now.Add(-24*time.Hour), body), body), "False"},
		"with another secret": {ask(secretPrefix+base64.StdEncoding.EncodeToString(body), now, sig, body), "False"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s", name, c.got)
		}
	}
}
