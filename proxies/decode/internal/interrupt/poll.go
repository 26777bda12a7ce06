// Package interrupt ends what goes through a long text, soon after its context has ended.
package interrupt

import "context"

// Poll asks a context now and then whether it has ended; asking for every token would cost more than the token.
type Poll struct {
	Ctx context.Context // that is asked
	n   uint
}

// Err is the error of the context at every 2048th call, else nil.
func (p *Poll) Err() error {
	p.n++
	if p.n&2047 != 0 {
		return nil
	}
	return p.Ctx.Err()
}
