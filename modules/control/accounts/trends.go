package accounts

import (
	"encoding/json"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/body"
	"github.com/fairway-gateway/fairway/queries/db"
)

// TrendsUser is a user as Trends.Earth has it, with the members of all its versions: the oldest clients read name, country, and
// institution, those of the plugin's time the two flags, the newest the rest.
type TrendsUser struct {
	ID        string `json:"id"`
	Email     string `json:"email"`
	Created   string `json:"created_at"`
	Updated   string `json:"updated_at"`
	Role      string `json:"role"`
	Name      string `json:"name"`
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`

	Country     string `json:"country"`
	Institution string `json:"institution"`

	PluginUser  bool `json:"is_plugin_user"`
	MailingList bool `json:"is_in_mailing_list"`

	LastLogin    *string `json:"last_login_at"`
	LastActivity *string `json:"last_activity_at"`
	Verified     bool    `json:"email_verified"`
	VerifiedAt   *string `json:"email_verified_at"`

	TrendsProfile
}

// TrendsProfile are the members of a user that are kept in the column profile.
type TrendsProfile struct {
	Notifications bool `json:"email_notifications_enabled"`
	News          bool `json:"email_subscription_news"`
	Engagement    bool `json:"email_subscription_engagement"`
	SystemUpdates bool `json:"email_subscription_system_updates"`

	RoleTitle         *string `json:"role_title"`
	Sector            *string `json:"sector"`
	SectorOther       *string `json:"sector_other"`
	Gender            *string `json:"gender_identity"`
	GenderDescription *string `json:"gender_identity_description"`
	LicenseKnown      bool    `json:"gee_license_acknowledged"`
	Purpose           *string `json:"purpose_of_use"`
	PurposeOther      *string `json:"purpose_of_use_other"`

	MostExecutions *int    `json:"max_concurrent_executions"`
	ConsentGiven   *string `json:"consent_given_at"`
	ConsentSource  *string `json:"consent_source"`
}

// Trends gives a user as Trends.Earth answers it. A profile that cannot be read counts as empty.
func Trends(u db.User) TrendsUser {
	out := TrendsUser{
		ID: u.ID.String(), Email: u.Email, Created: trendsTime(u.CreatedAt), Updated: trendsTime(u.UpdatedAt), Role: u.Role,
		Name: u.Name, FirstName: u.FirstName, LastName: u.LastName, Country: u.Country, Institution: u.Institution,
		PluginUser: u.IsPluginUser, MailingList: u.IsInMailingList,
		LastLogin: trendsMoment(u.LastLoginAt), LastActivity: trendsMoment(u.LastActivityAt),
		Verified: u.EmailVerifiedAt != nil, VerifiedAt: trendsMoment(u.EmailVerifiedAt),
		TrendsProfile: TrendsProfile{Notifications: true},
	}
	if err := json.Unmarshal(u.Profile, &out.TrendsProfile); err != nil {
		out.TrendsProfile = TrendsProfile{Notifications: true}
	}
	return out
}

// trendsTime is as Python writes a time without a zone, which is UTC.
func trendsTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000") }

func trendsMoment(t *time.Time) *string {
	if t == nil {
		return nil
	}
	text := trendsTime(*t)
	return &text
}

// profileTexts and profileFlags are the members of the profile that a user may write.
func profileTexts() []string {
	return []string{
		"role_title", "sector", "sector_other", "gender_identity", "gender_identity_description", "purpose_of_use", "purpose_of_use_other",
	}
}

func profileFlags() []string {
	return []string{
		"gee_license_acknowledged", "email_notifications_enabled", "email_subscription_news", "email_subscription_engagement", "email_subscription_system_updates",
	}
}

// trendsProfile gives those members of the profile that a body has.
func trendsProfile(f *body.Fields) map[string]any {
	out := map[string]any{}
	for _, name := range profileTexts() {
		if f.Has(name) {
			out[name] = f.Text(name)
		}
	}
	for _, name := range profileFlags() {
		if f.Has(name) {
			out[name] = f.Bool(name, false)
		}
	}
	return out
}

// trendsNew gives the new user of a body. The error is a *body.Error.
func trendsNew(f *body.Fields) (NewUser, error) {
	n := NewUser{
		Email: f.Text("email"), Password: f.Text("password"), Role: f.Text("role"),
		Name: f.Text("name"), FirstName: f.Text("first_name"), LastName: f.Text("last_name"),
		Country: f.Text("country"), Institution: f.Text("institution"),
		NoPluginUser: !f.Bool("is_plugin_user", true), MailingList: f.Bool("is_in_mailing_list", false),
		Profile: trendsProfile(f),
	}
	return n, f.Err()
}
