package executions

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/body"
	"github.com/fairway-gateway/fairway/modules/control/listing"
	"github.com/fairway-gateway/fairway/modules/control/live"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/runner/logs"
)

const (
	// mostLog is how many lines a log is told at once, mostLogBytes how much text; at least one line is.
	mostLog, mostLogBytes = 100_000, 8 << 20
	// mostText is how long a line may be that is sent, in characters.
	mostText = 10_000
	// mostLine is how long a body with a line may be, in bytes: a character may be six.
	mostLine = 128 << 10
)

// registerLogs has the operations of logs handled.
func (x *Executions) registerLogs(t *typed.API) {
	atOnce := "At most 100,000 lines, or 8 MiB of them, at once: those behind them are asked for by last-id."
	typed.Register(t, typed.Operation{ID: "execution.log", Summary: "The log of an execution", Description: atOnce}, x.log)
	typed.Register(t, typed.Operation{ID: "execution.log.text", Summary: "The whole log of an execution as text", Description: "A line for each of the log, with time and level, while it is read from the store."}, x.logText)
	typed.Register(t, typed.Operation{ID: "execution.log.add", Summary: "Adds a line to the log of an execution", Description: "Tags of HTML are left out of it. A script adds lines by the token of its attempt.", Bodies: map[string]any{"application/json": newLine{}}, MaxBody: mostLine, Empty: true}, x.addLine)
	typed.Register(t, typed.Operation{ID: "execution.docker_logs", Summary: "The log of an execution, as clients read that of its container", Description: atOnce}, x.dockerLogs)
	typed.Register(t, typed.Operation{ID: "execution.batch_logs", Summary: "The logs of jobs of an execution at others", Description: "There are none."}, x.batchLogs)
}

// logging says which lines are wanted.
type logging struct {
	InPath
	Start  string `query:"start" doc:"Lines later than this: a date, or a date with a time; without a zone it is UTC. A blank before the zone is the + that was not escaped." example:"2026-01-31T12:30:00"`
	LastID string `query:"last-id" doc:"Lines behind the one with this id." example:"17"`
}

// part reads which lines are wanted.
func (l *logging) part() (live.Part, error) {
	p := live.Part{Lines: mostLog, Bytes: mostLogBytes}
	var err error
	if l.Start != "" {
		if p.Since, err = listing.ParseTime(l.Start); err != nil {
			return p, refused("start: " + err.Error())
		}
	}
	if l.LastID != "" {
		if p.After, err = strconv.ParseInt(strings.TrimSpace(l.LastID), 10, 64); err != nil || p.After < 0 {
			return p, refused("last-id: it is the number of a line")
		}
	}
	return p, nil
}

func (x *Executions) log(ctx context.Context, in *logging) (*typed.Answer[[]live.LogLine], error) {
	lines, err := x.logLines(ctx, in)
	if err != nil {
		return nil, err
	}
	return typed.Of(lines), nil
}

func (x *Executions) logLines(ctx context.Context, in *logging) ([]live.LogLine, error) {
	e, err := found(ctx)
	if err != nil {
		return nil, err
	}
	p, err := in.part()
	if err != nil {
		return nil, err
	}
	lines, _, err := live.Lines(ctx, x.store, e.ID, p)
	return lines, err
}

// ContainerLine is a line as it is shown of a container.
type ContainerLine struct {
	ID   int64  `json:"id" required:"true"`
	At   string `json:"created_at" required:"true" example:"2026-01-31T12:30:00.000000"`
	Text string `json:"text" required:"true"`
	Job  string `json:"job_name,omitempty"`
}

func (x *Executions) dockerLogs(ctx context.Context, in *logging) (*typed.Answer[[]ContainerLine], error) {
	lines, err := x.logLines(ctx, in)
	if err != nil {
		return nil, err
	}
	out := make([]ContainerLine, len(lines))
	for i, l := range lines {
		out[i] = ContainerLine{ID: l.ID, At: l.At, Text: l.Text}
	}
	return typed.Of(out), nil
}

func (x *Executions) batchLogs(context.Context, *InPath) (*typed.Answer[[]ContainerLine], error) {
	return typed.Of([]ContainerLine{}), nil
}

// textPart is how much of a log is read at once that is sent as text.
const textPart = 1 << 20

func (x *Executions) logText(ctx context.Context, _ *InPath) (*huma.StreamResponse, error) {
	e, err := found(ctx)
	if err != nil {
		return nil, err
	}
	p := live.Part{Lines: mostLog, Bytes: textPart}
	lines, more, err := live.Lines(ctx, x.store, e.ID, p) // what fails now can be told still
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(h huma.Context) {
		r, w := humago.Unwrap(h)
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Content-Disposition", `inline; filename="`+e.ID.String()+`.log"`)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if r.Method == http.MethodHead {
			return
		}
		for {
			if err := writeText(w, lines); err != nil || !more {
				return
			}
			p.After = lines[len(lines)-1].ID
			if lines, more, err = live.Lines(ctx, x.store, e.ID, p); err != nil {
				panic(http.ErrAbortHandler) // whoever reads must not take this for the end
			}
		}
	}}, nil
}

// writeWait is for how long somebody may take nothing of an answer.
const writeWait = 30 * time.Second

// writeText writes lines for people. What a terminal would obey is shown instead, and further lines of a text are set in.
func writeText(w http.ResponseWriter, lines []live.LogLine) error {
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Now().Add(writeWait)) // tests cannot
	defer func() { _ = control.SetWriteDeadline(time.Time{}) }()
	var b []byte
	for i := range lines {
		l := &lines[i]
		b = l.When().UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
		b = fmt.Appendf(b, " %-8s ", l.Level)
		b = appendShown(b, l.Text)
		if b = append(b, '\n'); len(b) >= 32<<10 || i == len(lines)-1 {
			if _, err := w.Write(b); err != nil {
				return err
			}
			b = b[:0]
		}
	}
	return nil
}

func appendShown(b []byte, text string) []byte {
	for _, c := range text {
		switch {
		case c == '\n':
			b = append(b, "\n\t"...)
		case c == '\t' || !unicode.IsControl(c):
			b = utf8.AppendRune(b, c)
		case c < 0x20:
			b = utf8.AppendRune(b, 0x2400+c)
		default:
			b = utf8.AppendRune(b, utf8.RuneError)
		}
	}
	return b
}

// newLine is a body, for the document.
type newLine struct {
	Text  string `json:"text" required:"true" maxLength:"10000"`
	Level string `json:"level" required:"true" enum:"DEBUG,INFO,WARNING,WARN,ERROR,CRITICAL"`
}

// sentLine reads a line that is sent.
func sentLine(ctx context.Context, raw []byte) (level logs.Level, text string, err error) {
	f, err := body.Parse(api.RequestIn(ctx).Header.Get("Content-Type"), raw)
	if err != nil {
		return 0, "", failure(err)
	}
	text, word := f.Text("text"), f.Text("level")
	if err := f.Err(); err != nil {
		return 0, "", failure(err)
	}
	if text == "" || word == "" {
		return 0, "", refused("Text and level are required")
	}
	level, ok := logs.ParseLevel(strings.ToUpper(word))
	if !ok {
		return 0, "", refused("level: it is DEBUG, INFO, WARNING, ERROR or CRITICAL")
	}
	if utf8.RuneCountInString(text) > mostText {
		return 0, "", refused("text: it has at most 10000 characters")
	}
	return level, stripHTML(text), nil
}

func (x *Executions) addLine(ctx context.Context, in *struct {
	InPath
	RawBody []byte
},
) (*typed.Answer[live.LogLine], error) {
	e, err := found(ctx)
	if err != nil {
		return nil, err
	}
	level, text, err := sentLine(ctx, in.RawBody)
	if err != nil {
		return nil, err
	}
	run, err := x.script(ctx)
	if err != nil {
		return nil, err
	}
	if run != nil {
		return x.addOwn(ctx, run, level.String(), text)
	}
	id, err := x.store.AddNotice(ctx, e.ID, level.String(), text)
	if err != nil {
		return nil, failure(err)
	}
	return x.written(ctx, e.ID, id)
}

// written is a line that was added a moment ago.
func (x *Executions) written(ctx context.Context, execution uuid.UUID, id int64) (*typed.Answer[live.LogLine], error) {
	lines, _, err := live.Lines(ctx, x.store, execution, live.Part{After: id - 1, Lines: 1})
	if err == nil && len(lines) == 0 {
		err = errors.New("a line that was added is not there")
	}
	if err != nil {
		return nil, err
	}
	return typed.Of(lines[0]), nil
}
