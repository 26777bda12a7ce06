package integration_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite" // to make files of it

	"github.com/fairway-gateway/fairway/internal/pgtest"
)

const orders = `create table orders (id integer primary key, customer text not null, total numeric(10,2));
	insert into orders values (1, 'ida', 10.5), (2, 'bob', 2.25), (3, 'ida', null)`

// makeSQLite makes a database of statements and gives its address.
func makeSQLite(t testing.TB, path, statements string) string {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statements); err != nil {
		t.Fatal(err)
	}
	return "sqlite:" + path
}

// onePostgres is the server that the tests here share; TestMain stops it.
var onePostgres pgtest.Shared

// makePostgres makes a database of statements and gives its address, and its name.
func makePostgres(t testing.TB, statements string) (dsn, name string) {
	t.Helper()
	server := onePostgres.For(t)
	name = fmt.Sprintf("t%d", time.Now().UnixNano())
	onServer(t, "postgres", "create database "+name)
	onServer(t, name, statements)
	return server.DSN(name), name
}

// onServer runs statements, and gives the first value of the last.
func onServer(t testing.TB, name, statements string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), onePostgres.For(t).DSN(name))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	results, err := conn.PgConn().Exec(t.Context(), statements).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if last := results[len(results)-1]; len(last.Rows) > 0 {
		return string(last.Rows[0][0])
	}
	return ""
}

// ordersService asks the database main.
func ordersService(word string) string {
	return `service /orders {
	version 1.0.0
	repository https://example.org/orders
	description "` + word + `"
	GET /of/{customer} {
		param min number default 0
		sql rows main ` + "`select id, total from orders where customer = {customer} and coalesce(total, 1) >= {query.min} order by id`" + ` {
			limit_rows 2
		}
		reply ` + "`$rows`" + `
	}
	GET /{id} {
		sql rows main ` + "`select customer from orders where id = {id}`" + `
		sql others main ` + "`select id from orders where customer = {rows.0.customer} order by id`" + `
	}
	POST /{id}/{customer} {
		param id integer
		sql done main exec ` + "`insert into orders values ({id}, {customer}, {query.total})`" + `
		reply ` + "`$done`" + `
	}
	DELETE /{id} {
		param id integer
		sql gone main exec ` + "`delete from orders where id = {id} returning id, customer`" + `
		reply ` + "`$gone`" + `
	}
	GET /broken/query {
		sql rows main ` + "`select s3cret from salaries`" + `
	}
}`
}

func withDatabase(dsn, body string) string {
	return siteWith("\tfairway {\n\t\tdatabase main "+dsn+"\n\t}", "\thealth\n"+body)
}

// TestSQL asks databases of both engines through the whole gateway.
func TestSQL(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			var dsn string
			if engine == "sqlite" {
				dsn = makeSQLite(t, filepath.Join(t.TempDir(), "orders.db"), orders)
			} else {
				dsn, _ = makePostgres(t, orders)
			}
			g := startGateway(t, withDatabase("{env.DATABASE_URL}", ordersService("Orders")), "DATABASE_URL="+dsn)
			total := map[string]string{"sqlite": "10.5", "postgres": "10.50"}[engine] // SQLite keeps no digits
			g.get(t, "/orders/of/ida").wantJSON(t, http.StatusOK, `[{"id":1,"total":`+total+`},{"id":3,"total":null}]`)
			g.get(t, "/orders/of/ida?min=5.5").wantJSON(t, http.StatusOK, `[{"id":1,"total":`+total+`}]`)
			g.get(t, "/orders/of/"+"x'%20or%201=1%20--").wantJSON(t, http.StatusOK, `[]`)
			g.get(t, "/orders/of/ida?min=x").wantProblem(t, http.StatusBadRequest, "bad_parameter")
			g.get(t, "/orders/2").wantJSON(t, http.StatusOK, `{"rows":[{"customer":"bob"}],"others":[{"id":2}]}`)
			g.get(t, "/orders/9").wantJSON(t, http.StatusOK, `{"rows":[],"others":[]}`)
			if engine == "postgres" { // SQLite compares anything with anything
				g.get(t, "/orders/s3cret").wantProblem(t, http.StatusBadRequest, "bad_parameter")
			}
			g.ask(t, request{method: http.MethodPost, path: "/orders/4/ida?total=7"}).wantJSON(t, http.StatusOK, `{"rows_affected":1}`)
			again := g.ask(t, request{method: http.MethodPost, path: "/orders/4/ida?total=7"})
			again.wantProblem(t, http.StatusConflict, "backend_failed")
			g.get(t, "/orders/of/ida").wantProblem(t, http.StatusBadGateway, "backend_too_large")
			g.ask(t, request{method: http.MethodDelete, path: "/orders/4"}).wantJSON(t, http.StatusOK, `[{"customer":"ida","id":4}]`)
			broken := g.get(t, "/orders/broken/query")
			broken.wantProblem(t, http.StatusBadGateway, "backend_failed")
			for _, a := range []answer{again, broken} {
				for _, word := range []string{"s3cret", "salaries", "select", "insert", "unique", "UNIQUE"} {
					if strings.Contains(a.body, word) {
						t.Errorf("the caller is told %q: %s", word, a.body)
					}
				}
			}
			err := waitFor(func() error {
				if !strings.Contains(g.log.String(), "salaries") {
					return errors.New("the log does not say what is wrong with the query")
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			g.get(t, "/ready").wantJSON(t, http.StatusOK, `{"status":"ready","checks":{"config":"ok","databases":{"main":"ok"}}}`)
			metrics := (&gateway{t: t, url: "http://" + g.admin}).get(t, "/metrics").body
			for _, line := range []string{
				`fairway_query_duration_seconds_count{database="main",fetch="rows",outcome="ok",route="GET /of/{customer}",service="orders"} 3`,
				`fairway_query_duration_seconds_count{database="main",fetch="rows",outcome="too_large",route="GET /of/{customer}",service="orders"} 1`,
				`fairway_database_breaker_state{database="main"} 0`,
				`fairway_database_connections{database="main",state="in_use"} 0`,
				`fairway_database_waits_total{database="main"}`,
			} {
				if !strings.Contains(metrics, line) {
					t.Errorf("the metrics lack %s", line)
				}
			}
		})
	}
}

// TestDatabaseOutlivesReload holds that the connections of a database are those of the old configuration when nothing of it
// has changed, and gone when it is.
func TestDatabaseOutlivesReload(t *testing.T) {
	t.Parallel()
	dsn, name := makePostgres(t, orders)
	g := startGateway(t, withDatabase("{env.DATABASE_URL}", ordersService("one")), "DATABASE_URL="+dsn)
	backends := func() string {
		return onServer(t, name, "select coalesce(string_agg(pid::text, ',' order by pid), '') from pg_stat_activity where application_name = 'fairway' and datname = current_database()")
	}
	g.get(t, "/orders/2").wantJSON(t, http.StatusOK, `{"rows":[{"customer":"bob"}],"others":[{"id":2}]}`)
	before := backends()
	if before == "" {
		t.Fatal("there is no connection")
	}
	if err := g.reload(withDatabase("{env.DATABASE_URL}", ordersService("two"))); err != nil {
		t.Fatal(err)
	}
	g.get(t, "/orders/2").wantJSON(t, http.StatusOK, `{"rows":[{"customer":"bob"}],"others":[{"id":2}]}`)
	if after := backends(); after != before {
		t.Errorf("the connections were %s and are %s", before, after)
	}
	if err := g.reload(siteWith("", "\thealth\n")); err != nil {
		t.Fatal(err)
	}
	if err := waitFor(func() error {
		if left := backends(); left != "" {
			return fmt.Errorf("connections are left: %s", left)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// TestDatabaseDown holds that a gateway starts without its databases, says so, and answers when they are there.
func TestDatabaseDown(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "orders.db")
	g := startGateway(t, withDatabase("sqlite:"+path, ordersService("Orders")))
	g.get(t, "/orders/2").wantProblem(t, http.StatusBadGateway, "backend_unreachable")
	g.get(t, "/ready").wantJSON(t, http.StatusOK, `{"status":"ready","checks":{"config":"ok","databases":{"main":"failed"}}}`)
	if _, err := os.Stat(path); err == nil {
		t.Error("a query has made the file")
	}
	makeSQLite(t, path, orders)
	g.get(t, "/orders/2").wantJSON(t, http.StatusOK, `{"rows":[{"customer":"bob"}],"others":[{"id":2}]}`)
	for range 5 {
		g.get(t, "/orders/broken/query").wantProblem(t, http.StatusBadGateway, "backend_failed")
	}
	g.get(t, "/orders/2").wantJSON(t, http.StatusOK, `{"rows":[{"customer":"bob"}],"others":[{"id":2}]}`)
	if list := g.get(t, "/services").body; !strings.Contains(list, `"databases":[{"name":"main","breaker":"closed"}]`) {
		t.Errorf("the services are %s", list)
	}
	lost := startGateway(t, withDatabase("sqlite:"+path+".lost", ordersService("Orders")))
	for range 5 {
		lost.get(t, "/orders/2").wantProblem(t, http.StatusBadGateway, "backend_unreachable")
	}
	lost.get(t, "/orders/2").wantProblem(t, http.StatusServiceUnavailable, "breaker_open")
	if list := lost.get(t, "/services").body; !strings.Contains(list, `"databases":[{"name":"main","breaker":"open"}]`) {
		t.Errorf("the services are %s", list)
	}
	store := startGateway(t, siteWith("\tfairway {\n\t\tdatabase sqlite:/nowhere/at/all.db\n\t}", "\thealth\n"))
	store.get(t, "/ready").wantJSON(t, http.StatusServiceUnavailable, `{"status":"not ready","checks":{"config":"ok","databases":{"store":"failed"}}}`)
	made := startGateway(t, siteWith("\tfairway {\n\t\tdatabase\n\t}", "\thealth\n"))
	made.waitReady(t, `"store":"ok"`)
	made.get(t, "/ready").wantJSON(t, http.StatusOK, `{"status":"ready","checks":{"config":"ok","databases":{"store":"ok"}}}`)
	metrics := (&gateway{t: t, url: "http://" + made.admin}).get(t, "/metrics").body
	if line := `fairway_database_connections{database="store",state="idle"}`; !strings.Contains(metrics, line) {
		t.Errorf("the metrics lack %s", line)
	}
}
