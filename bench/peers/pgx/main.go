// Package main is the yardstick of W14: net/http and pgx, which ask PostgreSQL for one user for each request and answer him as
// JSON. Nobody is asked who he is, nothing is counted, and nothing is decided.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8083", "`address` to listen on")
	email := flag.String("email", "", "the user's `address`")
	flag.Parse()
	if err := run(*listen, *email); err != nil {
		fmt.Fprintln(os.Stderr, "pgx:", err)
		os.Exit(1)
	}
}

// columns are those that fairway asks for, with the same statement.
const columns = `select id::text, number, email, email_key, username, username_key, name, first_name, middle_name, last_name, country, institution, profile, role,
	is_active, is_regular_user, is_internal, is_plugin_user, is_in_mailing_list, password_hash, password_parameters, password_changed_at, email_verified_at,
	last_login_at, last_activity_at, version, created_at, updated_at, deleted_at
from users
where `

// row is a user as the table has him.
type row struct {
	id, email, key, name, first, middle, last, country, institution, role, hash, parameters string
	number, version                                                                         int64
	username, usernameKey                                                                   *string
	profile                                                                                 json.RawMessage
	active, regular, internal, plugin, list                                                 bool
	changed, verified, login, activity, deleted                                             *time.Time
	created, updated                                                                        time.Time
}

func (u *row) into() []any {
	return []any{
		&u.id, &u.number, &u.email, &u.key, &u.username, &u.usernameKey, &u.name, &u.first, &u.middle, &u.last, &u.country, &u.institution, &u.profile, &u.role,
		&u.active, &u.regular, &u.internal, &u.plugin, &u.list, &u.hash, &u.parameters, &u.changed, &u.verified,
		&u.login, &u.activity, &u.version, &u.created, &u.updated, &u.deleted,
	}
}

// user is what is answered, member by member what fairway answers.
type user struct {
	ID           string  `json:"id"`
	Email        string  `json:"email"`
	Created      string  `json:"created_at"`
	Updated      string  `json:"updated_at"`
	Role         string  `json:"role"`
	Name         string  `json:"name"`
	FirstName    string  `json:"first_name"`
	LastName     string  `json:"last_name"`
	Country      string  `json:"country"`
	Institution  string  `json:"institution"`
	PluginUser   bool    `json:"is_plugin_user"`
	MailingList  bool    `json:"is_in_mailing_list"`
	LastLogin    *string `json:"last_login_at"`
	LastActivity *string `json:"last_activity_at"`
	Verified     bool    `json:"email_verified"`
	VerifiedAt   *string `json:"email_verified_at"`
	profile
}

// profile is what a user's profile has.
type profile struct {
	Notifications     bool    `json:"email_notifications_enabled"`
	News              bool    `json:"email_subscription_news"`
	Engagement        bool    `json:"email_subscription_engagement"`
	SystemUpdates     bool    `json:"email_subscription_system_updates"`
	RoleTitle         *string `json:"role_title"`
	Sector            *string `json:"sector"`
	SectorOther       *string `json:"sector_other"`
	Gender            *string `json:"gender_identity"`
	GenderDescription *string `json:"gender_identity_description"`
	LicenseKnown      bool    `json:"gee_license_acknowledged"`
	Purpose           *string `json:"purpose_of_use"`
	PurposeOther      *string `json:"purpose_of_use_other"`
	MostExecutions    *int    `json:"max_concurrent_executions"`
	ConsentGiven      *string `json:"consent_given_at"`
	ConsentSource     *string `json:"consent_source"`
}

func moment(t *time.Time) *string {
	if t == nil {
		return nil
	}
	text := t.UTC().Format("2006-01-02T15:04:05.000000")
	return &text
}

func (u *row) shown() (user, error) {
	out := user{
		ID: u.id, Email: u.email, Created: *moment(&u.created), Updated: *moment(&u.updated), Role: u.role, Name: u.name, FirstName: u.first, LastName: u.last,
		Country: u.country, Institution: u.institution, PluginUser: u.plugin, MailingList: u.list,
		LastLogin: moment(u.login), LastActivity: moment(u.activity), Verified: u.verified != nil, VerifiedAt: moment(u.verified), profile: profile{Notifications: true},
	}
	return out, json.Unmarshal(u.profile, &out.profile)
}

func run(listen, email string) error {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("STORE"))
	if err != nil {
		return fmt.Errorf("the store: %w", err)
	}
	defer pool.Close()
	var id string
	if err := pool.QueryRow(ctx, "select id::text from users where email = $1", email).Scan(&id); err != nil {
		return fmt.Errorf("the user: %w", err)
	}
	server := &http.Server{
		Addr: listen, ReadHeaderTimeout: 10 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			text, err := me(r.Context(), pool, id)
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(text) // the client may be gone
		}),
	}
	return server.ListenAndServe()
}

func me(ctx context.Context, pool *pgxpool.Pool, id string) ([]byte, error) {
	var u row
	if err := pool.QueryRow(ctx, columns+"id = $1", id).Scan(u.into()...); err != nil {
		return nil, err
	}
	if u.deleted != nil {
		return nil, pgx.ErrNoRows
	}
	out, err := u.shown()
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]user{"data": out})
}
