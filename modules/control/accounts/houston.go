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

// BriefUser is a user as Houston shows it in lists.
type BriefUser struct {
	ID         int64  `json:"id" doc:"A number; paths take the UUID, too" example:"1"`
	Username   string `json:"username" example:"root"`
	FirstName  string `json:"first_name"`
	MiddleName string `json:"middle_name"`
	LastName   string `json:"last_name"`
}

// Brief gives a user as Houston lists it.
func Brief(u db.User) BriefUser {
	return BriefOf(u.Number, u.Username, u.FirstName, u.MiddleName, u.LastName)
}

// BriefOf is Brief for who has not the whole row.
func BriefOf(number int64, username *string, first, middle, last string) BriefUser {
	out := BriefUser{ID: number, FirstName: first, MiddleName: middle, LastName: last}
	if username != nil {
		out.Username = *username
	}
	return out
}

// Houston gives a user as Houston answers it. Who has no username has an empty one.
func Houston(u db.User) HoustonUser {
	out := HoustonUser{
		ID: u.Number, Email: u.Email, FirstName: u.FirstName, MiddleName: u.MiddleName, LastName: u.LastName,
		Active: u.IsActive, Regular: u.IsRegularUser, Admin: permit.Role(u.Role).Staff(),
		Created: HoustonTime(u.CreatedAt), Updated: HoustonTime(u.UpdatedAt),
	}
	if u.Username != nil {
		out.Username = *u.Username
	}
	return out
}

// HoustonTime is a time as Houston writes it: 2016-10-20T14:00:35.912576+00:00.
func HoustonTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000-07:00") }
