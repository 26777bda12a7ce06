package control_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"testing"
	"time"
)

func gzipped(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func trendsMail() []row {
	body := `{"recipients":["{user.email}","{other.email}"],"subject":"Greens are closed","html":"<p>Until <b>noon</b></p>"}`
	queued := `{"data":{"id":"<uuid:mail>","recipients":2,"status":"queued"}}`
	arrives := act(func(s *scene) {
		s.t.Helper()
		for _, who := range []string{"user.email", "other.email"} {
			await(s, 20*time.Millisecond, func() error {
				all := s.mail.of(s.value(who))
				if len(all) != 1 || all[0].subject != "Greens are closed" || !bytes.Contains([]byte(all[0].text), []byte("<b>noon</b>")) {
					return fmt.Errorf("%s has %v", who, all)
				}
				return nil
			})
		}
	})
	return []row{
		{"POST /email in the README is written without the prefix", does(post("/email").bearer("{admin.access}").json(body).gives(200, queued), arrives)},
		{"in code it was /api/v1/email", does(post("/api/v1/email").bearer("{admin.access}").json(body).gives(200, queued), arrives)},
		{"any JWT, open relay for any user; here: for admins, or with the scope mail:write of one", does(
			post("/email").bearer("{user.access}").json(body).gives(403, `{"status":403,"...":0}`), post("/email").json(body).gives(401))},
		{"JSON {recipients, html, subject}: 400 without one of them", does(
			post("/email").bearer("{admin.access}").json(`{"subject":"x","html":"x"}`).gives(400), post("/email").bearer("{admin.access}").json(`{"recipients":["{user.email}"],"html":"x"}`).gives(400),
			post("/email").bearer("{admin.access}").json(`{"recipients":["{user.email}"],"subject":"x"}`).gives(400), post("/email").bearer("{admin.access}").json(`{"recipients":["nobody"],"subject":"x","html":"x"}`).gives(400))},
		{"returns the mail service's raw response (no envelope); here: data {id, recipients, status} of the outbox", does(
			post("/email").bearer("{admin.access}").json(body).gives(200, queued))},
		{"recipient limits (beyond the seed): more than 50 are 400", does(act(func(s *scene) {
			s.t.Helper()
			list := ""
			for i := range 51 {
				list += fmt.Sprintf(`,"a%d@example.org"`, i)
			}
			s.vars["many"] = list[1:]
		}), (&ask{method: "POST", target: "/email", body: `{"recipients":[{many}],"subject":"x","html":"x"}`}).header("Content-Type", "application/json; charset=utf-8").bearer("{admin.access}").gives(400))},
		{"a line break in the subject adds no header", does(
			post("/email").bearer("{admin.access}").json(`{"recipients":["{user.email}"],"subject":"x\r\nBcc: victim@example.org","html":"x"}`).gives(400))},
	}
}
