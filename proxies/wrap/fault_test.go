package wrap

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/decode/markup"
)

// TestSOAPFault holds a Fault to be what a fail_when would find, and shows its reason under any status.
func TestSOAPFault(t *testing.T) {
	t.Parallel()
	const fault = `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><soap:Fault>` +
		`<faultcode>soap:Server</faultcode><faultstring>Kein Zähler &lt;4711&gt;</faultstring></soap:Fault></soap:Body></soap:Envelope>`
	tests := map[string]struct {
		status int
		body   string
		want   map[string]any
	}{
		"status 200":        {200, fault, map[string]any{"type": "urn:fairway:problem:backend_failed", "detail": "The SOAP Fault says: Kein Zähler <4711>"}},
		"status 500":        {500, fault, map[string]any{"type": "urn:fairway:problem:backend_status", "detail": "The backend main answered 500 Internal Server Error. The SOAP Fault says: Kein Zähler <4711>"}},
		"cut behind 1 KiB":  {500, strings.Replace(fault, "</faultstring>", "</faultstring><detail>"+strings.Repeat("x", 2000)+"</detail>", 1), map[string]any{"type": "urn:fairway:problem:backend_status", "detail": "The backend main answered 500 Internal Server Error. The SOAP Fault says: Kein Zähler <4711>"}},
		"without a reason":  {200, strings.Replace(fault, "Kein Zähler &lt;4711&gt;", "", 1), map[string]any{"type": "urn:fairway:problem:backend_failed", "detail": "The backend main answered that it failed."}},
		"500 without fault": {500, "<Fault/>", map[string]any{"type": "urn:fairway:problem:backend_status", "detail": "The backend main answered 500 Internal Server Error."}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := served(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/xml; charset=utf-8")
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(tt.body))
			}, nil, func(string) []Route {
				f := gets("", "/")
				f.Decoder, f.Format = new(markup.SOAP), "soap"
				return []Route{{Method: "GET", Pattern: "/x", Fetches: []Fetch{f}}}
			})
			rec := asked(h, "GET", "/s/x")
			var got map[string]any
			if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			if rec.Code != http.StatusBadGateway {
				t.Errorf("status %d", rec.Code)
			}
			if diff := cmp.Diff(tt.want, map[string]any{"type": got["type"], "detail": got["detail"]}); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
