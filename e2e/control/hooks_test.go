package control_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"time"
)

// message is one to {hook}, signed with {secret} at a time from now.
func message(id, body string, late time.Duration, says int, shape ...string) act {
	return func(s *scene) {
		s.t.Helper()
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s.value("secret"), "whsec_"))
		if err != nil {
			s.t.Fatal(err)
		}
		at := fmt.Sprint(time.Now().Add(late).Unix())
		mac := hmac.New(sha256.New, key) // as Standard Webhooks says, and not as our own code does
		_, _ = mac.Write([]byte(id + "." + at + "." + body))
		post("/api/v1/hook/{hook}/message").json(body).header("Webhook-Id", id).header("Webhook-Timestamp", at).
			header("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil))).gives(says, shape...).do(s)
	}
}

// hookRows are hooks over HTTP.
func hookRows() []row {
	const one = "/api/v1/hook/{hook}"
	by := func(who string, a *ask) *ask { return a.bearer("{" + who + ".access}") }
	ready := func(more string) act {
		return func(s *scene) {
			s.t.Helper()
			for _, m := range []move{
				scripted("user", `{"properties":{"year":{"type":"integer"}}}`), built(),
				by("user", post("/api/v1/hook").json(`{"script":"{slug}"`+more+`}`)).gives(200, `{"data":{"id":"<text:hook>","user_id":"{user.id}","script_id":"{script}","secret":"<text:secret>","url":"<re:https://gateway\\.example\\.org/api/v1/hook/[0-9a-f-]+/message>","...":0}}`),
			} {
				m.do(s)
			}
		}
	}
	const started = `{"data":{"execution_id":"<text:execution>"}}`
	return []row{
		{"a message that is signed starts an execution of its owner's, with no other credentials; sent again it is answered the same and starts nothing", does(ready(`,"params":{"region":"x"}`), message("m1", `{"year":2026,"region":"y"}`, 0, 202, started),
			by("user", get("/api/v1/execution/{execution}")).gives(200, `{"data":{"user_id":"{user.id}","params":{"region":"x","year":2026},"...":0}}`), message("m1", `{"year":2026,"region":"y"}`, 0, 202, `{"data":{"execution_id":"{execution}"}}`),
			by("user", get("/api/v1/execution?script_id={script}")).gives(200, `{"data":["<any>"]}`))},
		{"a message that is old, or not signed by the secret, is refused, whoever shows a password", does(ready(""), message("m1", `{}`, -6*time.Minute, 401), message("m1", `{}`, 6*time.Minute, 401), by("user", post(one+"/message").json(`{}`)).gives(401), post(one+"/message").json(`{}`).gives(401),
			by("user", get("/api/v1/execution?script_id={script}")).gives(200, `{"data":[]}`))},
		{"a message that the script does not take is refused and shown", does(ready(""), message("m1", `{"year":"x"}`, 0, 400), by("user", get(one+"/history")).gives(200, `{"data":[{"outcome":"REFUSED","event":"m1","reason":"<has:/year>","execution_id":null,"...":0}]}`), by("other", get(one+"/history")).gives(404))},
		{"a secret is rotated, and the one before holds for a day, or no more", does(ready(""), by("other", post(one+"/rotate")).gives(404), by("user", post(one+"/rotate")).gives(200, `{"data":{"secret":"<text:next>","old_secret_until":"<text>","...":0}}`), message("m1", `{}`, 0, 202, started),
			by("user", post(one+"/rotate?now=true")).gives(200, `{"data":{"secret":"<text:next>","old_secret_until":null,"...":0}}`), message("m2", `{}`, 0, 401), by("user", remove(one)).gives(200), by("user", get(one)).gives(404))},
		{"a hook is for a script that its owner may run", does(ready(""), by("other", post("/api/v1/hook").json(`{"script":"{slug}"}`)).gives(400), public(), by("other", post("/api/v1/hook").json(`{"script":"{slug}"}`)).gives(200), by("other", get(one)).gives(404), by("other", remove(one)).gives(404))},
	}
}
