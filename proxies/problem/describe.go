package problem

import "cmp"

// Describe sets the code, and the sentence where there is none yet.
func (p *Problem) Describe(code, detail string) {
	p.Code = code
	p.Detail = cmp.Or(p.Detail, detail)
}
