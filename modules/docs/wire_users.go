package docs

type newUser struct {
	Email       string `json:"email" required:"true" example:"ann@example.org"`
	Name        string `json:"name" doc:"Or first_name and last_name" example:"Ann Example"`
	FirstName   string `json:"first_name,omitempty"`
	LastName    string `json:"last_name,omitempty"`
	Password    string `json:"password,omitempty" format:"password"`
	Role        string `json:"role,omitempty" enum:"USER,ADMIN,SUPERADMIN" default:"USER"`
	Country     string `json:"country,omitempty"`
	Institution string `json:"institution,omitempty"`
	PluginUser  bool   `json:"is_plugin_user,omitempty" default:"true"`
	MailingList bool   `json:"is_in_mailing_list,omitempty"`
}

type ownPassword struct {
	Old string `json:"old_password" required:"true" format:"password"`
	New string `json:"new_password" required:"true" format:"password"`
}

type otherPassword struct {
	New string `json:"new_password" required:"true" format:"password"`
}

type resetPassword struct {
	Token    string `json:"token" required:"true" doc:"That of the mailed link"`
	Password string `json:"password" required:"true" format:"password"`
}

type resetForm struct {
	Token    string `json:"token" required:"true"`
	Password string `json:"password" required:"true" format:"password"`
	Again    string `json:"again" required:"true" format:"password"`
}

type apiToken struct {
	ID          string   `json:"id" format:"uuid"`
	Number      int64    `json:"number" doc:"A short id"`
	Type        string   `json:"typ" enum:"prm,usr,tmp" doc:"Permanent, a user's, temporary"`
	Scopes      []string `json:"scopes"`
	Description string   `json:"description"`
	Metadata    any      `json:"metadata"`
	Disabled    bool     `json:"disabled"`
	User        *string  `json:"user_id"`
	NotBefore   *string  `json:"not_before"`
	Expires     *string  `json:"expires_at"`
	Created     *string  `json:"created_at" example:"2026-11-21T10:00:00+00:00"`
	LastUsed    *string  `json:"last_used_at"`
	Token       string   `json:"token,omitempty" doc:"Only in the answer to its creation"`
}

type newAPIToken struct {
	Type        string   `json:"typ,omitempty" enum:"prm,usr,tmp" default:"usr"`
	Scopes      []string `json:"scopes" required:"true" example:"[\"users:read\"]"`
	Description string   `json:"description,omitempty" doc:"Wanted of those that are not temporary"`
	Metadata    any      `json:"metadata,omitempty"`
	NotBefore   string   `json:"not_before,omitempty"`
	Expires     string   `json:"expires_at,omitempty" example:"2027-01-01T00:00:00+00:00"`
}

type changedToken struct {
	Disabled    *bool   `json:"disabled,omitempty"`
	Description *string `json:"description,omitempty"`
}

type scope struct {
	Name string `json:"name" example:"users:read"`
	Doc  string `json:"doc" example:"Read users"`
}

type newLetter struct {
	Recipients []string `json:"recipients" required:"true" doc:"One text is taken, too" example:"[\"ann@example.org\"]"`
	Subject    string   `json:"subject" required:"true"`
	HTML       string   `json:"html" required:"true"`
}

type queuedLetter struct {
	ID         string `json:"id" format:"uuid"`
	Recipients int    `json:"recipients"`
	Status     string `json:"status" example:"queued"`
}

type limitStatus struct {
	Message string `json:"message" example:"Rate limits"`
	Data    struct {
		Limits []rateLimit `json:"limits"`
	} `json:"data"`
}

type rateLimit struct {
	Scope   string `json:"scope" example:"service weather"`
	Limit   string `json:"limit" example:"100/m by address"`
	N       int    `json:"n"`
	PerSec  int64  `json:"per_seconds"`
	By      string `json:"by"`
	Counted int    `json:"counted"`
	Refused int    `json:"refused"`
}

type patchOperation struct {
	Op    string `json:"op" required:"true" enum:"add,remove,replace,move,copy,test"`
	Path  string `json:"path" required:"true" example:"/first_name"`
	From  string `json:"from,omitempty"`
	Value any    `json:"value,omitempty"`
}
