package wrap

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/fairway-gateway/fairway/proxies/database"
	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/document"
	"github.com/fairway-gateway/fairway/proxies/observe"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

// Databases are the named databases of a configuration.
type Databases interface {
	// Names lists them.
	Names() []string
	// Database gives one of Names.
	Database(name string) Database
}

// Database is what a service asks.
type Database interface {
	// Breaker is closed, half-open or open.
	Breaker() string
	// Dialect is Any while a configuration is only checked and does not say what it is.
	Dialect() database.Dialect
	// Run runs a query within the deadline of ctx. The error is an *upstream.Failure. The caller releases the result.
	Run(ctx context.Context, q *database.Query) (*database.Result, error)
}

// rowsTextFactor is what a byte of the JSON text of rows takes in memory: it grows by copies, and control characters by escapes.
const rowsTextFactor = 12

// query is a compiled SQL: a worker that asks a database.
type query struct {
	*step
	SQL
	path    string // its name, with that of the fan-out around it
	db      Database
	query   string // the statement as the database takes it
	args    []argument
	timeout time.Duration
	metrics *observe.QueryMetrics
}

// argument is a parameter of a statement.
type argument struct {
	from  *source // nil: the secret
	value string
}

// readVerbs and writeVerbs are what a statement may begin with. Those that are about transactions, connections and the
// schema are none of them.
func readVerbs() []string { return []string{"select", "with", "values", "table", "show", "explain"} }

func writeVerbs() []string {
	return []string{"insert", "update", "delete", "merge", "replace", "with", "select", "call"}
}

func (rt *route) compileQuery(f *Fetch, sc scope, deps Deps, at place) (*query, error) {
	q := &query{step: sc.step, SQL: *f.SQL, path: sc.step.path(), timeout: time.Duration(f.Timeout)}
	if q.timeout == 0 {
		q.timeout = database.DefaultTimeout
	}
	if q.LimitRows == 0 {
		q.LimitRows = database.DefaultRows
	}
	if q.Limit == 0 {
		q.Limit = database.DefaultLimit
	}
	switch {
	case f.fetches():
		return nil, at.errf("sql asks a database, and what a fetch asks a backend does not belong to it")
	case f.Name == "":
		return nil, at.errf("sql needs a name for its rows: sql jobs main `select ...`")
	case f.Timeout < 0:
		return nil, at.field("timeout").errf("the timeout must be more than nothing")
	case q.LimitRows < 0:
		return nil, at.field("sql/limit_rows").errf("limit_rows must be more than nothing")
	case q.Limit < 0:
		return nil, at.field("sql/limit").errf("the limit must be more than nothing")
	case q.Exec && rt.method == http.MethodGet:
		return nil, at.field("sql/exec").errf("exec changes data, and a GET must not: use it in POST, PUT, PATCH or DELETE")
	}
	if q.Exec {
		sc.step.used = true
	}
	if err := q.findDatabase(rt, deps, at.field("sql/database")); err != nil {
		return nil, err
	}
	if err := q.compileText(sc, at.field("sql/query")); err != nil {
		return nil, err
	}
	if deps.Metrics != nil {
		q.metrics = deps.Metrics.Query(rt.service.Name, rt.method+" "+rt.pattern, q.path, q.Database)
		rt.service.release = append(rt.service.release, q.metrics.Close)
	}
	return q, nil
}

// findDatabase finds what is asked. Without Deps.Databases nothing is known of them.
func (q *query) findDatabase(rt *route, deps Deps, at place) error {
	if q.Database == "" {
		return at.errf("sql needs the name of a database: sql jobs main `select ...`")
	}
	if deps.Databases == nil {
		return nil
	}
	names := deps.Databases.Names()
	if !slices.Contains(names, q.Database) {
		return at.errf("there is no database %s%s; the global option names it: fairway { database %s <dsn> }", q.Database, Suggest(q.Database, names), q.Database)
	}
	q.db = deps.Databases.Database(q.Database)
	rt.service.databases[q.Database] = q.db
	return nil
}

func (q *query) compileText(sc scope, at place) error {
	dialect := database.Any
	if q.db != nil {
		dialect = q.db.Dialect()
	}
	s, err := database.Parse(q.Query, dialect)
	if err != nil {
		e := at.errf("%v", err)
		if syntax, ok := errors.AsType[*database.SyntaxError](err); ok {
			e.Offset = syntax.Offset
		}
		return e
	}
	verbs := readVerbs()
	if q.Exec {
		verbs = writeVerbs()
	}
	switch {
	case slices.Contains(verbs, s.Verb):
	case !q.Exec && slices.Contains(writeVerbs(), s.Verb):
		return at.errf("%s changes data, which only exec may: sql %s %s exec `%s ...`", s.Verb, q.name, q.Database, s.Verb)
	default:
		return at.errf("a statement begins with %s, not with %q%s", strings.Join(verbs, ", "), s.Verb, Suggest(s.Verb, verbs))
	}
	for _, name := range s.Names {
		if isSecret(name) {
			value, err := sc.resolve(name, at)
			if err != nil {
				return err
			}
			q.args = append(q.args, argument{value: value})
			continue
		}
		from, err := sc.source(name, at)
		if err != nil {
			return err
		}
		q.args = append(q.args, argument{from: from})
	}
	q.query = s.Text(dialect)
	return nil
}

// run asks the database, and keeps the rows in the frame.
func (q *query) run(ctx context.Context, fr *frame) *problem.Problem {
	args, p := q.bind(fr)
	if p != nil {
		return p
	}
	if fr.shared == nil || q.Exec {
		return q.ask(ctx, fr, args)
	}
	key, err := json.Marshal(args)
	if err != nil {
		return problem.Of(err)
	}
	got, p := fr.shared.do(ctx, q.path+"\x00"+string(key), func() (*result, *problem.Problem) {
		p := q.ask(ctx, fr, args)
		return &fr.results[q.index], p
	})
	got.rows = fr.results[q.index].rows // what others are waiting for belongs to who asked
	fr.results[q.index] = got
	return p
}

// bind gives the parameters of one run.
func (q *query) bind(fr *frame) ([]any, *problem.Problem) {
	args := make([]any, len(q.args))
	for i, a := range q.args {
		if a.from == nil {
			args[i] = a.value
			continue
		}
		v, p := fr.scalar(a.from)
		if p != nil {
			return nil, p
		}
		args[i] = v
	}
	return args, nil
}

func (q *query) ask(ctx context.Context, fr *frame, args []any) *problem.Problem {
	start := time.Now()
	deadline := q.until(fr)
	if own := start.Add(q.timeout); own.Before(deadline) {
		deadline = own
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	ctx, span := observe.Start(ctx, "fairway.query",
		attribute.String("fairway.service", fr.route.service.Name),
		attribute.String("fairway.fetch", q.path),
		attribute.String("fairway.database", q.Database))
	if span.IsRecording() {
		span.SetAttributes(attribute.String("fairway.route", fr.route.method+" "+fr.route.pattern))
	}
	rows, err := q.tell(ctx, fr, args)
	outcome := observe.OK
	if err != nil {
		outcome = "unknown"
		if failure, ok := errors.AsType[*upstream.Failure](err); ok {
			outcome = failure.Kind.String()
		}
	}
	observe.End(span, outcome)
	if q.metrics != nil {
		q.metrics.Observe(outcome, time.Since(start))
	}
	if err != nil {
		return q.problem(err)
	}
	res := &fr.results[q.index]
	res.rows, res.status = rows, http.StatusOK
	if fr.trace != nil && fr.trace.Decoded != nil {
		fr.trace.Decoded(q.path, res.json, res.tree)
	}
	return nil
}

// tell runs the statement and makes text or a tree of what it gives, as it is needed.
func (q *query) tell(ctx context.Context, fr *frame, args []any) (*database.Result, error) {
	res := &fr.results[q.index]
	*res = result{}
	call := &database.Query{Text: q.query, Args: args, Exec: q.Exec, Rows: q.LimitRows, Limit: int64(q.Limit), Factor: rowsTextFactor}
	var tree *decode.Tree
	var text *decode.Writer
	if q.tree {
		tree = decode.NewTree(decode.Limits{})
		call.Sinks = append(call.Sinks, tree)
	}
	if q.step.text {
		text = decode.NewWriter(nil, decode.Limits{})
		call.Sinks = append(call.Sinks, text)
	}
	if q.tree || q.checked {
		call.Factor += new(document.JSON).Factor()
	}
	rows, err := q.db.Run(ctx, call)
	if err != nil {
		return nil, err
	}
	if tree != nil {
		res.tree = tree.Value()
	}
	if text != nil {
		res.json = text.Bytes()
	}
	return rows, nil
}

// problem says to the caller why a query gave nothing. What the database says of it is for the log.
func (q *query) problem(err error) *problem.Problem {
	failure, ok := errors.AsType[*upstream.Failure](err)
	if !ok {
		return problem.Of(err)
	}
	p := &problem.Problem{
		Status: http.StatusBadGateway, Backend: q.Database, Fetch: q.name,
		Detail: failure.Detail, RetryAfter: failure.RetryAfter, Cause: err,
	}
	who := "The database " + q.Database
	switch failure.Kind {
	case upstream.Timeout:
		p.Status = http.StatusGatewayTimeout
		p.Describe(problem.BackendTimeout, who+" did not answer in time.")
	case upstream.TooLarge:
		p.Describe(problem.BackendTooLarge, who+" gives more than may be read.")
	case upstream.Undecodable:
		p.Describe(problem.Undecodable, who+" gives a value that JSON cannot have.")
	case upstream.Judged:
		if failure.Verdict != 0 {
			p.Status = failure.Verdict
		}
		p.Describe(problem.BackendFailed, who+" refused the query.")
	case upstream.Unusable:
		q.misfit(p)
	case upstream.BreakerOpen, upstream.MemorySpent, upstream.Cancelled, upstream.Defect, upstream.Unsendable:
		ownFailure(p, failure.Kind, who)
	case upstream.Unreachable, upstream.Cut, upstream.Status, upstream.Redirected, upstream.Empty, upstream.Login:
		p.Describe(problem.BackendUnreachable, who+" cannot be reached.")
	}
	return p
}

// misfit is the problem of a value that is not of the type that the database wants. Who is at fault is who may have sent it:
// the caller, if one value is the caller's.
func (q *query) misfit(p *problem.Problem) {
	for _, a := range q.args {
		if a.from == nil {
			continue
		}
		switch a.from.kind {
		case fromPath, fromQuery, fromHeader, fromCaller:
			p.Status = http.StatusBadRequest
			p.Describe(problem.BadParameter, "A parameter is not of the type that the database wants.")
			return
		case fromBody:
			p.Status = http.StatusBadRequest
			p.Describe(problem.BadBody, "A value of the body is not of the type that the database wants.")
			return
		case fromFetch, fromItem:
		}
	}
	p.Describe(problem.BadValue, "A value is not of the type that the database "+q.Database+" wants.")
}

var _ worker = (*query)(nil)
