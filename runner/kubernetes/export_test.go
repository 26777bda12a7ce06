package kubernetes

// JobName is that of an attempt's Job.
func JobName(id string) string { return jobName(id) }

// Rights are those that an executor asks for: group, resource with its part, verb.
func Rights() [][3]string {
	var out [][3]string
	for _, r := range rights() {
		if r.part != "" {
			r.resource += "/" + r.part
		}
		out = append(out, [3]string{r.group, r.resource, r.verb})
	}
	return out
}
