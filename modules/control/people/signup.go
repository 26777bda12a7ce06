package people

import (
	"context"
	"net/http"

	"github.com/fairway-gateway/fairway/modules/control/accounts"
	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/body"
	"github.com/fairway-gateway/fairway/modules/control/permit"
)

// signUp is what somebody says who signs up at Houston's, by a form or as JSON.
type signUp struct {
	Username     string `json:"username" required:"true" example:"ann"`
	Email        string `json:"email" required:"true" example:"ann@example.org"`
	Password     string `json:"password" required:"true" format:"password"`
	FirstName    string `json:"first_name,omitempty"`
	MiddleName   string `json:"middle_name,omitempty"`
	LastName     string `json:"last_name,omitempty"`
	RecaptchaKey string `json:"recaptcha_key,omitempty" doc:"What the form says; administrators need none"`
}

// rawForm is a body that is read as it is.
type rawForm struct {
	RawBody []byte
}

func (p *People) createHouston(ctx context.Context, in *rawForm) (*houstonAnswer, error) {
	who, caller, err := p.accounts.Who(ctx)
	if err != nil {
		return nil, err
	}
	// Anybody may do this, so nobody has asked for scopes. A token without that of users makes users as anybody does.
	if caller != nil && !caller.Has("users:write") && !caller.Has("user:write") {
		who.Caller = permit.Caller{}
	}
	s, err := readSignUp(kindOf(ctx), in.RawBody)
	if err != nil {
		return nil, houstonFailure(err)
	}
	admin := who.Caller.Active && who.Caller.Role.Staff()
	if s.RecaptchaKey != p.options.SignUpKey && (s.RecaptchaKey != "" || !admin) {
		return nil, api.Failure{Status: http.StatusForbidden, Detail: "CAPTCHA key is incorrect.", Message: "CAPTCHA key is incorrect."}
	}
	n := accounts.NewUser{
		Email: s.Email, Username: s.Username, Password: s.Password, FirstName: s.FirstName, MiddleName: s.MiddleName, LastName: s.LastName,
		Inactive: true, NotRegular: true,
	}
	if s.FirstName+s.MiddleName+s.LastName == "" {
		n.Name = s.Username
	}
	return answerHouston(p.accounts.Create(ctx, who, n))
}

// kindOf is the media type of a request, as it was sent.
func kindOf(ctx context.Context) string { return api.RequestIn(ctx).Header.Get("Content-Type") }

// readSignUp reads a body.
func readSignUp(contentType string, raw []byte) (signUp, error) {
	fields, err := body.Parse(contentType, raw)
	if err != nil {
		return signUp{}, err
	}
	var s signUp
	messages := map[string][]string{}
	for _, f := range []struct {
		name   string
		to     *string
		wanted bool
	}{
		{"username", &s.Username, true},
		{"email", &s.Email, true},
		{"password", &s.Password, true},
		{"first_name", &s.FirstName, false},
		{"middle_name", &s.MiddleName, false},
		{"last_name", &s.LastName, false},
		{"recaptcha_key", &s.RecaptchaKey, false},
	} {
		// One after the other: all that are wrong are told.
		one := *fields
		*f.to = one.Text(f.name)
		switch {
		case one.Err() != nil:
			messages[f.name] = []string{"Not a valid string."}
		case *f.to == "" && f.wanted:
			messages[f.name] = []string{"Missing data for required field."}
		}
	}
	if len(messages) > 0 {
		return signUp{}, api.Failure{Status: http.StatusUnprocessableEntity, Detail: "Some fields are missing, or are no text.", Messages: messages}
	}
	return s, nil
}
