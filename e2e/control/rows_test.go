package control_test

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
)

// row is one statement, and how the gateway is held to it.
type row struct {
	// says is the statement as the contract has it. Where we do otherwise on purpose it is followed by "; here: …".
	says  string
	moves []move
}

// section is a part of a contract.
type section struct {
	// name is that of the subtest, source where the statements are from.
	name, source string
	rows         []row
	// site is that of a gateway of its own, over the same store. Nil: it has none.
	site func(t *testing.T) string
}

// alone says that rows have a store of their own, whose scripts they build.
func (s section) alone() bool { return s.name == "executions" || s.name == "hooks" }

// does are the moves of a row.
func does(all ...move) []move { return all }

func sections() []section {
	return []section{
		{"trends_auth", "Trends.Earth, authentication (1.1, 1.3)", trendsAuth(), nil},
		{"trends_users", "Trends.Earth, users as far as passwords go (1.1, 1.8, 1.9)", trendsUsers(), nil},
		{"people", "Users over HTTP, in both representations (1.1, 1.4, 1.8, 1.9, 4.4, 4.5)", people(), nil},
		{"teams", "Teams, and If-None-Match (4.2, 4.4, 4.5)", teams(), nil},
		{"trends_wire", "Trends.Earth, what holds for every answer (1.1, 1.2, 1.8)", trendsWire(), nil},
		{"compressed", "Trends.Earth, compressed answers (1.2)", compressed(), func(*testing.T) string { return compressedSite() }},
		{"query_language", "Trends.Earth, the query language (1.4)", queryLanguage(), nil},
		{"exports", "Trends.Earth, CSV (1.8)", exports(), nil},
		{"once", "What is made once", once(), nil},
		{"scripts", "Trends.Earth, scripts (1.1, 1.4, 1.5, 2.1)", scriptRows(), nil},
		{"executions", "Trends.Earth, executions (1.1, 1.6, 1.9)", executionRows(), nil},
		{"hooks", "Webhooks that come in", hookRows(), nil},
		{"live", "Logs, events, and what scripts say (1.1, 1.6, 1.7, 2.1)", liveRows(), nil},
		{"trends_mail", "Trends.Earth, POST /email (0.3, 1.9)", trendsMail(), nil},
		{"trends_clients", "Trends.Earth, service clients (1.3)", trendsClients(), nil},
		{"houston_token", "Houston, OAuth2 endpoints (0.8, 4.1)", houstonToken(), nil},
		{"houston_clients", "Houston, scopes, errors and OAuth2 clients (4.2, 4.3, 4.4)", houstonClients(), nil},
		{"houston_users", "Houston, users (4.4)", houstonUsers(), nil},
		{"houston_patches", "Houston, JSON Patch (4.5)", houstonPatches(), nil},
		{"releng", "RelengAPI, permissions and tokens (5.3, 5.4)", releng(), nil},
		{"releng_wire", "RelengAPI, what holds for every answer (5.2)", relengWire(), nil},
		{"roles", "Roles and rules about objects (1.4, 4.3)", roles(), nil},
		{"audit", "Audit log of every change: actor, request id, diff", audit(), nil},
		{"callers", "callers users, on services and plain Caddy routes", callersOfServices(), callersSite},
		{"limits", "Trends.Earth, rate limits (1.8); rate and cors", limitsOfServices(), callersSite},
		{"not_wanted", "What is not wanted of the older systems", notWanted(), nil},
		{"jwt_confusion", "Held to: JWT confusion", jwtConfusion(), nil},
		{"scope_widening", "Held to: scope widening on refresh", scopeWidening(), nil},
		{"client_swap", "Held to: client swap", clientSwap(), nil},
		{"deleted_or_demoted_user", "Held to: token of a deleted or demoted user", deletedOrDemoted(), nil},
		{"bcrypt_72_bytes", "Held to: bcrypt's 72 bytes", bcrypt72(), nil},
		{"oversized_credentials", "Held to: oversized credentials", oversized(), nil},
		{"nul_and_invalid_utf8", "Held to: NUL and invalid UTF-8", hostile(), nil},
	}
}

// TestRows runs every row on both engines, on one gateway for each.
func TestRows(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, e engine) {
		t.Helper()
		mail := startSink(t)
		o := e.options()
		o.Fairway += mail.option() + "\n\t\ttokens {\n\t\t\tscopes reports:read\n\t\t}\n\t\tusers {\n\t\t\tprotected gef@gef.com\n\t\t}"
		w := start(t, e, o)
		w.mail = mail
		for _, one := range sections() {
			t.Run(one.name, func(t *testing.T) {
				t.Parallel()
				w := w
				if one.alone() {
					e := e.another(t)
					o := e.options()
					o.Fairway += mail.option()
					w = start(t, e, o)
					w.mail = mail
				}
				if one.site != nil {
					o := o
					o.Site = one.site(t)
					w = start(t, e, o)
					w.mail = mail
				}
				for i, r := range one.rows {
					t.Run(r.name(i), func(t *testing.T) {
						t.Parallel()
						s := w.scene(t)
						for _, m := range r.moves {
							m.do(s)
							if t.Failed() {
								t.Logf("the statement: %s", r.says)
								return
							}
						}
					})
				}
			})
		}
	})
}

// name is that of the row's test: its place, and the beginning of what it says.
func (r row) name(i int) string {
	const longest = 90
	text := regexp.MustCompile(`[^A-Za-z0-9_./-]+`).ReplaceAllString(r.says, "_")
	text = strings.ReplaceAll(text, "/", "-")
	return fmt.Sprintf("%02d_%s", i+1, strings.Trim(text[:min(longest, len(text))], "_"))
}

// TestStatementsAreTold holds the rows to their form: each says something else, and does something.
func TestStatementsAreTold(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range sections() {
		for i, r := range s.rows {
			if len(r.says) < 5 || len(r.moves) == 0 || seen[s.name+r.says] {
				t.Errorf("%s: row %d, %q", s.name, i+1, r.says)
			}
			seen[s.name+r.says] = true
		}
	}
}

// others are statements that have a test of their own.
func others() [][2]string {
	return [][2]string{
		{"Two gateways over one store: tokens, revocations (2 s), rate limits, throttles; a refresh of one token at both", "TestTwoGateways"},
		{"kill -9 in the middle of 1,000 writes loses no acknowledged one", "TestKilledInMidWrites"},
		{"the work for unknown users (hashes are counted)", "TestUnknownUsersCostTheSame"},
		{"nothing secret in logs, /services, config, metrics, profiles; hashes alone in the store", "TestNothingSecretIsTold, TestMistypedPathIsNotLogged, TestAuthenticationIsNotLogged"},
		{"tokens: access, refresh, issuer, password_grant off, query_secrets off; Token has expired", "TestSettingsOfTokens"},
		{"FAIRWAY_ADMIN_EMAIL, FAIRWAY_ADMIN_PASSWORD; a one-time password that is printed once; the client documentation", "TestFirstAdministrator, TestFirstAdministratorOfEnvironment"},
		{"mail: without SMTP in the log; a dead server loses nothing", "TestMailWithoutServer, TestMailServerIsDead"},
		{"the six curl lines of Houston's README; fairway db seed --development", "TestSeedLines"},
		{"commands user, token, client, secrets, db (Houston 4.7)", "TestCommands, TestDatabaseCommands"},
		{"databases by name, migrations, SQLite where none is configured (RelengAPI 5.6)", "TestDatabaseCommands, TestNoDatabaseConfigured"},
		{"Permissions proved: each operation of the table by each role, owner, member of the team and stranger, with and without scope (1.4, 4.2, 4.3)", "TestPermissions"},
		{"SQL injection through every parameter, NUL and invalid UTF-8, mass assignment, IDOR on every id, oversized and deeply nested JSON, duplicate keys, patch bombs", "TestHostileCallers"},
		{"401 for tokens that are revoked, expired, disabled, not yet good, of a deleted user, for each operation", "TestCredentialsThatAreNone"},
		{"every operation is described, or the build fails; paths, parameters, types (5.8)", "TestEveryOperationIsServed, TestEveryOperationIsDescribed (in modules)"},
		{"commands serve, createdb, alembic, repl; subcommands of plugins (5.8)", "TestDatabaseCommands; fairway run, docs/examples/plugin"},
		{"500 Authentication failed; nobody is let in while the store is gone (1.3: the blocklist fails closed)", "TestStoreIsGone, TestStoreNeverWas"},
	}
}

// printStatements writes each statement with its test.
func printStatements(w io.Writer) {
	for _, o := range others() {
		fmt.Fprintf(w, "- %s -> %s\n", o[0], o[1])
	}
	for _, s := range sections() {
		fmt.Fprintf(w, "\n## %s\n\n", s.source)
		for i, r := range s.rows {
			fmt.Fprintf(w, "- %s -> TestRows/*/%s/%s\n", r.says, s.name, r.name(i))
		}
	}
}
