package login

import (
	"strings"
	"testing"
)

// TestKnownForms has login forms as widely used software writes them, without what does not matter.
func TestKnownForms(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ page, want string }{
		"Keycloak": {
			`<form id="kc-form-login" onsubmit="login.disabled = true; return true;" action="https://kc/realms/x/login-actions/authenticate?session_code=a&amp;tab_id=b" method="post">
			<input tabindex="2" id="username" name="username" value="" type="text" autocomplete="username" autofocus aria-invalid="">
			<input tabindex="3" id="password" name="password" type="password" autocomplete="current-password"><button type="button" aria-label="Show password"></button>
			<input tabindex="5" id="rememberMe" name="rememberMe" type="checkbox"> Remember me
			<input type="hidden" id="id-hidden-input" name="credentialId"/><input tabindex="7" name="login" id="kc-login" type="submit" value="Sign In"/></form>`,
			"username=U&password=P&credentialId=&login=Sign In",
		},
		"GitHub": {
			`<form action="/search"><input name="q" type="text"></form><form data-turbo="false" action="/session" accept-charset="UTF-8" method="post"><input type="hidden" name="authenticity_token" value="t" />
			<input type="hidden" name="add_account" id="add_account" /><input type="text" name="login" id="login_field" class="js-login-field" autocapitalize="off" autofocus="autofocus" required autocomplete="username" />
			<input type="password" name="password" id="password" autocomplete="current-password" /><a href="/password_reset">Forgot password?</a>
			<input type="hidden" name="webauthn-support" value="unknown"><input type="hidden" name="return_to" id="return_to" value="https://github.com/login" />
			<input type="text" name="required_field_1a2b" hidden="hidden" class="form-control" /><input type="hidden" name="timestamp" value="1"/>
			<input type="submit" name="commit" value="Sign in" data-disable-with="Signing in…" /></form>`,
			"authenticity_token=t&add_account=&login=U&password=P&webauthn-support=unknown&return_to=https://github.com/login&required_field_1a2b=&timestamp=1&commit=Sign in",
		},
		"Devise": {
			`<form class="new_user" id="new_user" action="/users/sign_in" accept-charset="UTF-8" method="post"><input name="utf8" type="hidden" value="&#x2713;" />
			<input autofocus="autofocus" type="email" value="" name="user[email]" id="user_email" /><input autocomplete="off" type="password" name="user[password]" id="user_password" />
			<input name="user[remember_me]" type="hidden" value="0" /><input type="checkbox" value="1" name="user[remember_me]" id="user_remember_me" /><input type="submit" name="commit" value="Log in" /></form>`,
			"utf8=✓&user[email]=U&user[password]=P&user[remember_me]=0&commit=Log in",
		},
		"WordPress": {
			`<form name="loginform" id="loginform" action="https://b/wp-login.php" method="post"><input type="text" name="log" id="user_login" size="20" autocapitalize="off" />
			<input type="password" name="pwd" id="user_pass" class="input password-input" size="20" /><button type="button" class="button wp-hide-pw" aria-label="Show password"></button>
			<input name="rememberme" type="checkbox" id="rememberme" value="forever" /><input type="submit" name="wp-submit" id="wp-submit" value="Log In" />
			<input type="hidden" name="redirect_to" value="https://b/wp-admin/" /><input type="hidden" name="testcookie" value="1" /></form>`,
			"log=U&pwd=P&redirect_to=https://b/wp-admin/&testcookie=1&wp-submit=Log In",
		},
		"Django": {
			`<form action="/admin/login/?next=/admin/" method="post" id="login-form"><input type="hidden" name="csrfmiddlewaretoken" value="c"><input type="text" name="username" autofocus autocapitalize="none" autocomplete="username" maxlength="150" required id="id_username">
			<input type="password" name="password" autocomplete="current-password" required id="id_password"><input type="hidden" name="next" value="/admin/"><input type="submit" value="Log in"></form>`,
			"csrfmiddlewaretoken=c&username=U&password=P&next=/admin/",
		},
		"Jenkins": {
			`<form method="post" name="login" action="j_spring_security_check"><input autocorrect="off" autocomplete="off" name="j_username" id="j_username" autofocus="autofocus" type="text"/>
			<input name="j_password" id="j_password" type="password"/><input type="checkbox" id="remember_me" name="remember_me"/><input name="from" type="hidden" value="/"/><button type="submit" name="Submit" class="jenkins-button">Sign in</button></form>`,
			"j_username=U&j_password=P&from=/&Submit=",
		},
		"Shibboleth": {
			`<form action="/idp/profile/SAML2/Redirect/SSO?execution=e1s1" method="post"><input type="hidden" name="csrf_token" value="x" /><input class="form-element form-field" id="username" name="j_username" type="text" value="">
			<input class="form-element form-field" id="password" name="j_password" type="password" value=""><input type="checkbox" name="donotcache" value="1" id="donotcache"><input id="_shib_idp_revokeConsent" type="checkbox" name="_shib_idp_revokeConsent" value="true">
			<button type="submit" name="_eventId_proceed" onClick="this.childNodes[0].nodeValue='Logging in, please wait...'">Login</button></form>`,
			"csrf_token=x&j_username=U&j_password=P&_eventId_proceed=",
		},
		"CAS": {
			`<form method="post" id="fm1"><input class="mdc" id="username" size="25" type="text" autocapitalize="none" autocomplete="username" name="username" /><input type="password" id="password" size="25" autocomplete="off" name="password" />
			<input type="hidden" name="execution" value="e"/><input type="hidden" name="_eventId" value="submit"/><input type="hidden" name="geolocation"/><button class="mdc-button" name="submitBtn" accesskey="l" type="submit" value="Login1">LOGIN</button></form>`,
			"username=U&password=P&execution=e&_eventId=submit&geolocation=&submitBtn=Login1",
		},
		"ADFS": {
			`<form id="options" method="post" action="https://adfs:443/adfs/ls/?wa=x"><input id="optionSelection" type="hidden" name="AuthMethod"/></form><form method="post" id="loginForm" autocomplete="off" novalidate="novalidate" action="https://adfs:443/adfs/ls/?wa=x">
			<input id="userNameInput" name="UserName" type="email" value="" tabindex="1" spellcheck="false" placeholder="someone@example.com" autocomplete="off"/><input id="passwordInput" name="Password" type="password" tabindex="2" placeholder="Password"/>
			<input type="checkbox" name="Kmsi" id="kmsiInput" value="true"/><span id="submitButton" class="submit">Sign in</span><input id="optionForms" type="hidden" name="AuthMethod" value="FormsAuthentication"/></form>`,
			"UserName=U&Password=P&AuthMethod=FormsAuthentication",
		},
		"MediaWiki": {
			`<form action="/w/index.php" id="searchform"><input type="search" name="search"/></form><form action="/w/index.php?title=Special:UserLogin" method="post" name="userlogin"><input id="wpName1" name="wpName" size="20" class="loginText" placeholder="Enter your username" tabindex="1" autofocus>
			<input id="wpPassword1" type="password" name="wpPassword" size="20"><input name="wpRemember" type="checkbox" value="1" id="wpRemember"><button id="wpLoginAttempt" type="submit" name="wploginattempt" value="Log in">Log in</button>
			<input id="wpEditToken" type="hidden" value="+\" name="wpEditToken"><input name="authAction" type="hidden" value="login"></form>`,
			`wpName=U&wpPassword=P&wpEditToken=+\&authAction=login&wploginattempt=Log in`,
		},
		"Moodle": {
			`<form class="login-form" action="https://b/login/index.php" method="post" id="login"><input type="hidden" name="logintoken" value="t"><input type="text" name="username" id="username" value="" autocomplete="username"><input type="password" name="password" id="password" value="">
			<button class="btn btn-primary btn-lg" type="submit" id="loginbtn">Log in</button></form><form action="https://b/login/index.php" method="post" id="guestlogin"><input type="hidden" name="username" value="guest" /><input type="hidden" name="password" value="guest" /><button>Access as a guest</button></form>`,
			"logintoken=t&username=U&password=P",
		},
		"oauth2-proxy": {
			`<form method="GET" action="/oauth2/start"><input type="hidden" name="rd" value="/"><button type="submit" class="button block is-primary">Sign in with OpenID Connect</button></form><hr>
			<form method="POST" action="/oauth2/sign_in" class="block"><input type="hidden" name="rd" value="/"><input class="input" type="text" placeholder="e.g. userx" name="username" id="username"><input class="input" type="password" name="password" id="password"><button class="button is-primary">Sign in</button></form>`,
			"rd=/&username=U&password=P",
		},
		"Gitea":      {`<form class="ui form" action="/user/login" method="post"><input type="hidden" name="_csrf" value="c"><input id="user_name" type="text" name="user_name" value="" autofocus required tabindex="1"><input id="password" name="password" type="password" value="" autocomplete="current-password"><input name="remember" type="checkbox"><button class="ui primary button">Sign In</button></form>`, "_csrf=c&user_name=U&password=P"},
		"Zabbix":     {`<form method="post" action="index.php"><input type="text" id="name" name="name" value="" maxlength="255" autofocus><input type="password" id="password" name="password"><input type="checkbox" id="autologin" name="autologin" value="1" checked><button type="submit" id="enter" name="enter" value="Sign in">Sign in</button></form>`, "name=U&password=P&autologin=1&enter=Sign in"},
		"phpMyAdmin": {`<form method="post" id="login_form" action="index.php?route=/" name="login_form"><input type="hidden" name="set_session" value="s"><input type="text" name="pma_username" id="input_username"><input type="password" name="pma_password" id="input_password"><select name="server" id="select_server"><option value="1" selected>db</option><option value="2">other</option></select><input value="Log in" type="submit" id="input_go"></form>`, "set_session=s&pma_username=U&pma_password=P&server=1"},
		"Domino":     {`<FORM METHOD=post ACTION="/names.nsf?Login" NAME="_DominoForm"><INPUT NAME="Username" VALUE=""><INPUT NAME="Password" VALUE="" TYPE=PASSWORD><INPUT TYPE=SUBMIT VALUE="Sign In"><INPUT NAME="RedirectTo" VALUE="/" TYPE=hidden></FORM>`, "Username=U&Password=P&RedirectTo=/"},
		"PIN":        {`<form method=post><input name=barcode><input type=password name=pin><input type=submit value=Go></form>`, "barcode=U&pin=P"},
		"German":     {`<form method=post><input name=Benutzername><input name=Kennwort type=password><button name=abbrechen>Abbrechen</button><button name=anmelden value=1>Anmelden</button></form>`, "Benutzername=U&Kennwort=P&anmelden=1"},
		"image":      {`<form method=post><input name=usr><input name=pass type=password><input type=image name=go src=go.gif></form>`, "usr=U&pass=P&go.x=0&go.y=0"},
		"PHP page":   {`<table><form method="POST" action="check.php"><tr><td>Name</td><td><input name="n1"></td></tr><tr><td>Passwort</td><td><input type="PassWord" name="p1"></td></tr></form></table>`, "n1=U&p1=P"},
		"disabled":   {`<form method=post><input name=username disabled value=x><input name=nick><input name=password type=password disabled><input name=pw type=password></form>`, "nick=U&pw=P"},
		"twice":      {`<form method=post><input name=user name=other value=1 value=2><input name=pw type=password></form>`, "user=U&pw=P"},
		"nameless":   {`<form method=post><input name=n1><input name=n2><input name=p type=password><input name=n3></form>`, "n1=&n2=U&p=P&n3="},
		"name later": {`<form method=post><input name=n1><input name=p type=password><input name=uid></form>`, "n1=&p=P&uid=U"},
		"newsletter": {`<form method=post action=/news><input type=email name=email></form><form method=post action=/in><input name=email type=email><input name=pw type=password></form>`, "email=U&pw=P"},
		"mail and user": {
			`<form method=post><input name=nickname><input name=email type=email><input name=domain value=corp><input name=secret type=password></form>`,
			"nickname=&email=U&domain=corp&secret=P",
		},
	} {
		p, err := readPage([]byte(c.page), "utf-8")
		if err != nil {
			t.Fatal(err)
		}
		l := p.login(&Config{})
		if l == nil || l.user == nil {
			t.Errorf("%s: no login form", name)
			continue
		}
		got := make([]string, 0, 8)
		for _, e := range l.compose(l.defaultButton(), map[*field]string{l.user: "U", l.password: "P"}, nil) {
			got = append(got, e.Name+"="+e.Value)
		}
		if all := strings.Join(got, "&"); all != c.want {
			t.Errorf("%s: %s\nwant %s", name, all, c.want)
		}
	}
}

// TestKnownConsents has consent pages, with the fields of what approves.
func TestKnownConsents(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ page, want string }{
		"Dex":          {dexApproval, "req=" + secrets + "&approval=approve"},
		"Keycloak":     {`<form class="form-actions" action="/consent" method="POST"><input type="hidden" name="code" value="c"><input name="accept" id="kc-login" type="submit" value="Yes"/><input name="cancel" id="kc-cancel" type="submit" value="No"/></form>`, "code=c&accept=Yes"},
		"Hydra":        {`<form method=post action=/consent><input type=hidden name=challenge value=c><input type="checkbox" name="grant_scope" value="openid" checked><input type="submit" id="accept" name="submit" value="Allow access"><input type="submit" id="reject" name="submit" value="Deny access"></form>`, "challenge=c&grant_scope=openid&submit=Allow access"},
		"Doorkeeper":   {`<form action="/oauth/authorize" method="post"><input type=hidden name=state value=s><input type="submit" name="commit" value="Authorize" /></form><form action="/oauth/authorize" method="post"><input type="hidden" name="_method" value="delete" /><input type=hidden name=state value=s><input type="submit" name="commit" value="Deny" /></form>`, "state=s&commit=Authorize"},
		"GitHub":       {`<form action="/login/oauth/authorize" method="post"><input type=hidden name=state value=s><button type="submit" name="authorize" value="0">Cancel</button><button name="authorize" value="1" type="submit">Authorize app</button></form>`, "state=s&authorize=1"},
		"Gitea":        {`<form method=post action=/login/oauth/grant><button type=submit id=authorize-app name=granted value=true>Authorize Application</button><button type=submit name=granted value=false>Cancel</button></form>`, "granted=true"},
		"Shibboleth":   {`<form method=post><input type=radio name=_shib_idp_consentOptions value=_shib_idp_rememberConsent checked><input type="submit" name="_eventId_AttributeReleaseRejected" value="Reject" /><input type="submit" name="_eventId_proceed" value="Accept" /></form>`, "_shib_idp_consentOptions=_shib_idp_rememberConsent&_eventId_proceed=Accept"},
		"Identity":     {`<form action=/Consent><button name="button" value="yes">Yes, Allow</button><button name="button" value="no">No, Do Not Allow</button></form>`, "button=yes"},
		"Django":       {`<form method=post><input type="submit" class="btn" value="Cancel"/><input type="submit" name="allow" value="Authorize"/></form>`, "allow=Authorize"},
		"hidden words": {`<form method=post><input type=hidden name=decision value=approve><button>Submit</button></form><form method=post><input type=hidden name=decision value=refuse><button>Submit</button></form>`, "decision=approve"},
		"unknown":      {`<form method=post><button>Weiter</button></form>`, ""},
		"only no":      {`<form method=post><button>No thanks</button><button>Don't allow</button><button>Disallow</button><button>Do not accept</button></form>`, ""},
		"typed into":   {`<form method=post><input name=reason><button>Allow</button></form>`, ""},
		"cookie words": {`<form method=post><button value=0 name=accept>x</button></form>`, ""},
	} {
		p, err := readPage([]byte(c.page), "utf-8")
		if err != nil {
			t.Fatal(err)
		}
		if p.posted() != nil {
			t.Errorf("%s: it is taken for a page that leads on", name)
		}
		approve, _ := p.approvals()
		if c.want == "" || len(approve) != 1 {
			if c.want != "" || len(approve) != 0 {
				t.Errorf("%s: %d approve", name, len(approve))
			}
			continue
		}
		got := make([]string, 0, 8)
		for _, e := range approve[0].form.compose(approve[0].button, nil, nil) {
			got = append(got, e.Name+"="+e.Value)
		}
		if all := strings.Join(got, "&"); all != c.want {
			t.Errorf("%s: %s\nwant %s", name, all, c.want)
		}
	}
}

// TestKnownAnswers has pages that a script submits.
func TestKnownAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		page string
		want bool
	}{
		"Keycloak":      {`<BODY Onload="document.forms[0].submit()"><FORM METHOD="POST" ACTION="https://sp/acs"><INPUT TYPE="HIDDEN" NAME="SAMLResponse" VALUE="x"/><NOSCRIPT><P>JavaScript is disabled.</P><INPUT TYPE="SUBMIT" VALUE="CONTINUE" /></NOSCRIPT></FORM></BODY>`, true},
		"ADFS":          {`<form method="POST" name="hiddenform" action="https://sp/"><input type="hidden" name="wa" value="wsignin1.0" /><input type="hidden" name="wresult" value="x" /><noscript><p>Script is disabled. Click Submit to continue.</p><input type="submit" value="Submit" /></noscript></form><script language="javascript">window.setTimeout('document.forms[0].submit()', 0);</script>`, true},
		"SimpleSAMLphp": {`<body onload="document.getElementsByTagName('input')[0].click();"><form method="post" action="https://sp/"><input type="submit" style="display:none;" /><input type="hidden" name="SAMLResponse" value="x" /><noscript><button type="submit" class="btn">Submit</button></noscript></form>`, true},
		"Shibboleth":    {`<form name="form1" method=post><input type="hidden" name="shib_idp_ls_success.x" value="false"/><input type="hidden" name="_eventId_proceed"/><noscript><input type="submit" value="Continue"/></noscript></form><script>function doLoad() { document.form1.submit(); }</script>`, true},
		"form_post":     {`<form method=post action=https://app/cb><input type=hidden name=code value=1><input type=hidden name=state value=2><input type=submit value=Continue></form><script src=a.js></script>`, true},
		"consent":       {`<form method=post action=/c><input type=hidden name=code value=1><button>Allow</button></form><script>f.submit()</script>`, false},
		"two buttons":   {`<form method=post action=/c><input type=hidden name=code value=1><button>A</button><button>B</button></form>`, false},
		"two forms":     {`<form method=post action=/c><input type=hidden name=code value=1></form><form></form>`, false},
		"typed into":    {`<form method=post action=/c><input type=hidden name=code value=1><input name=x></form><script>f.submit()</script>`, false},
		"no script":     {`<form method=post action=/c><input type=hidden name=x value=1></form>`, false},
		"log out":       {`<form method=post action=/logout><input type=hidden name=csrf value=1><button>Log out</button></form><script>f.submit()</script>`, false},
	} {
		p, err := readPage([]byte(c.page), "utf-8")
		if err != nil {
			t.Fatal(err)
		}
		if got := p.posted() != nil; got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
