package wrap

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/problem"
)

// The outputs that a route may have.
const (
	OutputJSON   = "json"
	OutputNDJSON = "ndjson"
	OutputCSV    = "csv"
)

// outputs are all of them.
func outputs() []string { return []string{OutputJSON, OutputCSV, OutputNDJSON} }

// mediaType is what an output is called in headers.
func mediaType(output string) string {
	switch output {
	case OutputCSV:
		return "text/csv; charset=utf-8"
	case OutputNDJSON:
		return "application/x-ndjson"
	}
	return "application/json"
}

func (rt *route) compileOutput(r *Route, at place) error {
	at = at.field("output")
	rt.outputs = []string{OutputJSON}
	if len(r.Output) > 0 {
		rt.outputs = r.Output
	}
	for i, o := range r.Output {
		if !slices.Contains(outputs(), o) {
			return at.errf("%q is no output; it is %s%s", o, strings.Join(outputs(), ", "), Suggest(o, outputs()))
		}
		if slices.Contains(r.Output[:i], o) {
			return at.errf("the output %s is there twice", o)
		}
	}
	if rt.suffix = r.OutputSuffix; !rt.suffix {
		return nil
	}
	switch {
	case len(r.Output) == 0:
		return at.errf("suffix stands behind outputs: output json csv suffix")
	case rt.method != http.MethodGet:
		return at.errf("suffix is for routes of GET")
	case strings.HasSuffix(rt.pattern, "/") || strings.HasSuffix(rt.pattern, "...}"):
		return at.errf("suffix needs a pattern that ends in a segment: /rows or /{name}")
	}
	rt.service.suffixes = true
	return nil
}

// suffixed finds the route that offers a path's suffix as an output. A route whose pattern ends in that very text wins
// over it.
func (s *Service) suffixed(method, path string) (rt *route, raw []string, output string) {
	dot := strings.LastIndexByte(path, '.')
	if !s.suffixes || dot <= strings.LastIndexByte(path, '/')+1 {
		return nil, nil, ""
	}
	output = path[dot+1:]
	rt, raw, _, ok := s.router.find(method, path[:dot], nil)
	if !ok || !rt.suffix || !slices.Contains(rt.outputs, output) {
		return nil, nil, ""
	}
	if own, _, _, ok := s.router.find(method, path, nil); ok && !strings.HasSuffix(own.pattern, "}") {
		return nil, nil, ""
	}
	return rt, raw, output
}

// negotiate chooses the output by what the caller accepts (RFC 9110, 12.5.1), unless the path has chosen it.
func (x *exchange) negotiate(h http.Header) *problem.Problem {
	if x.output != "" {
		return nil
	}
	x.output = x.route.outputs[0]
	if len(x.route.outputs) == 1 && x.output == OutputJSON {
		return nil
	}
	h["Vary"] = append(h["Vary"], "Accept")
	chosen, ok := accepted(x.r.Header["Accept"], x.route.outputs)
	if !ok {
		types := make([]string, len(x.route.outputs))
		for i, o := range x.route.outputs {
			types[i], _, _ = strings.Cut(mediaType(o), ";")
		}
		return &problem.Problem{
			Code: problem.NotAcceptable, Status: http.StatusNotAcceptable,
			Detail: "This path answers " + strings.Join(types, ", ") + ", and the header Accept wants none of them.",
		}
	}
	x.output = chosen
	return nil
}

// accepted gives the one of offers that the caller wants most, the first of several. A header that says nothing that
// can be read accepts everything.
func accepted(values, offers []string) (string, bool) {
	ranges := acceptRanges(values)
	if len(ranges) == 0 {
		return offers[0], true
	}
	best, quality := "", 0.0
	for _, o := range offers {
		if q := qualityOf(o, ranges); q > quality {
			best, quality = o, q
		}
	}
	return best, best != ""
}

// acceptRange is a media range with its weight.
type acceptRange struct {
	mediaType string
	quality   float64
}

func acceptRanges(values []string) []acceptRange {
	var out []acceptRange
	for _, v := range values {
		for item := range strings.SplitSeq(v, ",") {
			mediaType, params, _ := strings.Cut(item, ";")
			r := acceptRange{mediaType: strings.ToLower(strings.TrimSpace(mediaType)), quality: 1}
			if strings.Count(r.mediaType, "/") != 1 {
				continue
			}
			for p := range strings.SplitSeq(params, ";") {
				name, value, _ := strings.Cut(p, "=")
				if !strings.EqualFold(strings.TrimSpace(name), "q") {
					continue
				}
				q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
				if err != nil || !(q >= 0 && q <= 1) {
					q = 0
				}
				r.quality = q
			}
			out = append(out, r)
		}
	}
	return out
}

// qualityOf is the weight of the most specific range that names an output.
func qualityOf(output string, ranges []acceptRange) float64 {
	own, _, _ := strings.Cut(mediaType(output), ";")
	group, _, _ := strings.Cut(own, "/")
	quality, specific := 0.0, 0
	for _, r := range ranges {
		n := 0
		switch r.mediaType {
		case own, alias(output):
			n = 3
		case group + "/*":
			n = 2
		case "*/*":
			n = 1
		}
		if n > specific {
			quality, specific = r.quality, n
		}
	}
	return quality
}

// alias is the other name that an output goes by.
func alias(output string) string {
	switch output {
	case OutputNDJSON:
		return "application/ndjson"
	case OutputJSON:
		return "text/json"
	}
	return "text/comma-separated-values"
}

// write answers with a body of JSON, as the output that was chosen.
func (x *exchange) write(w http.ResponseWriter, status int, body []byte) int {
	if status == http.StatusNoContent {
		w.WriteHeader(status)
		return status
	}
	if x.output != OutputJSON && x.output != "" {
		var p *problem.Problem
		if body, p = convert(x.output, body, x.route.columns); p != nil {
			return x.fail(w, p)
		}
	}
	h := w.Header()
	if status == http.StatusOK && tagged(h, x.r, body) {
		w.WriteHeader(http.StatusNotModified)
		return http.StatusNotModified
	}
	h["Content-Type"] = []string{mediaType(x.output)}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	if status != http.StatusOK {
		w.WriteHeader(status)
	}
	_, _ = w.Write(body) // a caller who has gone is nobody's failure
	return status
}
