package runner

// Doubt has the runner look whether it holds what it was not told of, as after a claim that the store did not answer.
func (r *Runner) Doubt() {
	r.doubt.Store(true)
	r.Look()
}
