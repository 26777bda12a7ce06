package wrap

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/reply"
)

// partialHeader names the parts that an answer is without; partialMember holds their problems.
const (
	partialHeader = "Fairway-Partial"
	partialMember = "partial"
)

// Limits of what an answer says of its failed parts.
const (
	mostParts     = 100  // problems in the body
	mostPartNames = 50   // names in the header
	mostPartBytes = 2048 // of the header: servers in front of this one take a few KiB of header
	longestPart   = 200  // bytes of one name, and of each text of a nested gateway
)

// failures lists the failed parts in the order of the steps.
func (fr *frame) failures() []*problem.Problem {
	var out []*problem.Problem
	for i := range fr.results {
		if p := fr.results[i].failed; p != nil {
			out = append(out, p)
		}
		out = append(out, fr.results[i].parts...)
	}
	return out
}

// partial is $partial: the problems of the failed parts, as they stand in the answer.
func (fr *frame) partial() any {
	failures := fr.failures()
	out := make([]any, len(failures))
	for i, p := range failures {
		out[i] = p.Part()
	}
	return out
}

// withParts adds the failed parts to an answer: their names to its header, their problems to its body where that is an
// object that has no such member yet.
func withParts(failures []*problem.Problem, h http.Header, body []byte) []byte {
	if len(failures) == 0 {
		return body
	}
	var names []string
	size := 0
	var longest problem.Problem
	for _, f := range failures {
		longest.RetryAfter = max(longest.RetryAfter, f.RetryAfter)
		name, _, _ := strings.Cut(f.Fetch, "[")
		if name == "" {
			name = "-" // the fetch without a name
		}
		switch {
		case size > mostPartBytes || slices.Contains(names, name):
		case len(names) == mostPartNames || size+len(name) > mostPartBytes:
			names, size = append(names, "..."), mostPartBytes+1 // there are more
		default:
			names, size = append(names, name), size+len(name)+2
		}
	}
	h[partialHeader] = []string{strings.Join(names, ", ")}
	longest.SetRetryAfter(h)
	inside, ok := strings.CutSuffix(strings.TrimRight(string(body), "\n"), "}")
	if !ok || !strings.HasPrefix(inside, "{") || hasMember(body, partialMember) {
		return body
	}
	if inside != "{" {
		inside += ","
	}
	return append(append([]byte(inside+`"`+partialMember+`":`), partsJSON(failures)...), '}', '\n')
}

// hasMember says whether a JSON object has a member.
func hasMember(object []byte, name string) bool {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(object, &members); err != nil {
		return true // what cannot be read is left alone
	}
	_, ok := members[name]
	return ok
}

func partsJSON(failures []*problem.Problem) []byte {
	list := make([]any, 0, min(len(failures), mostParts)+1)
	for i, p := range failures {
		if i == mostParts {
			more := problem.Problem{Status: http.StatusBadGateway, Detail: itoa(len(failures)-mostParts) + " further parts failed."}
			list = append(list, more.Part())
			break
		}
		list = append(list, p.Part())
	}
	out, err := reply.Marshal(list)
	if err != nil { // of maps, strings and ints
		return []byte("[]")
	}
	return out
}

// nested are the parts that a backend, another gateway, says its own answer is without.
func nested(name string, h http.Header, body []byte) []*problem.Problem {
	if len(h[partialHeader]) == 0 {
		return nil
	}
	var inner struct {
		Partial []struct {
			Type, Detail, Fetch string
			Status              int
		}
	}
	_ = json.Unmarshal(body, &inner) // a body that is no object has no problems, and the header says the names
	var out []*problem.Problem
	for _, p := range inner.Partial[:min(len(inner.Partial), mostParts)] {
		if p.Status < 400 || p.Status > 599 {
			p.Status = http.StatusBadGateway
		}
		out = append(out, &problem.Problem{
			Code: problem.CodeOf(p.Type), Status: p.Status, Detail: shortened(p.Detail), Fetch: within(name, p.Fetch),
		})
	}
	if len(out) > 0 {
		return out
	}
	for inside := range strings.SplitSeq(strings.Join(h[partialHeader], ","), ",") {
		if len(out) == mostPartNames {
			break
		}
		out = append(out, &problem.Problem{
			Code: problem.NestedPartial, Status: http.StatusBadGateway, Detail: "The backend says that its answer is without this part.", Fetch: within(name, inside),
		})
	}
	return out
}

// within names a part of a part.
func within(name, inside string) string {
	inside = strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f && !strings.ContainsRune(`",;\`, r) {
			return r
		}
		return -1
	}, shortened(inside))
	switch {
	case name == "":
		return inside
	case inside == "":
		return name
	}
	return name + "." + inside
}

// shortened bounds what a nested gateway says.
func shortened(s string) string {
	if len(s) > longestPart {
		s = s[:longestPart]
	}
	return strings.ToValidUTF8(s, "")
}

// logPart writes a line of a failed part of an answer that goes on without.
func (x *exchange) logPart(p *problem.Problem) {
	if log := x.route.service.log; log.Enabled(x.ctx, slog.LevelInfo) {
		log.LogAttrs(x.ctx, slog.LevelInfo, "part of an answer failed", x.attrs(p)...)
	}
}
