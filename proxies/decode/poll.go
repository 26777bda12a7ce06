package decode

import "context"

// poll asks a context now and then whether it has ended; asking for every token would cost more than the token.
type poll struct {
	ctx context.Context // that is asked
	n   uint
}

// err is the error of the context at every 2048th call, else nil.
func (p *poll) err() error {
	p.n++
	if p.n&2047 != 0 {
		return nil
	}
	return p.ctx.Err()
}
