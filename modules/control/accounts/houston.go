package accounts

import (
	"time"

	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/queries/db"
)

// HoustonUser is a user as Houston shows him in full. Its id is the number.
type HoustonUser struct {
	ID         int64  `json:"id"`
	Username   string `json:"username"`
	Email      string `json:"email"`
	FirstName  string `json:"first_name"`
	MiddleName string `json:"middle_name"`
	LastName   string `json:"last_name"`
	Active     bool   `json:"is_active"`
	Regular    bool   `json:"is_regular_user"`
	Admin      bool   `json:"is_admin"`
	Created    string `json:"created"`
	Updated    string `json:"updated"`
}

// Houston gives a user as Houston answers it. Who has no username has an empty one.
func Houston(u db.User) HoustonUser {
	out := HoustonUser{
		ID: u.Number, Email: u.Email, FirstName: u.FirstName, MiddleName: u.MiddleName, LastName: u.LastName,
		Active: u.IsActive, Regular: u.IsRegularUser, Admin: u.Role == string(permit.Admin) || u.Role == string(permit.Superadmin),
		Created: houstonTime(u.CreatedAt), Updated: houstonTime(u.UpdatedAt),
	}
	if u.Username != nil {
		out.Username = *u.Username
	}
	return out
}

// houstonTime is a time as Houston writes it: 2016-10-20T14:00:35.912576+00:00.
func houstonTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000-07:00") }
