package caddyfiles

import "github.com/fairway-gateway/fairway/proxies/wrap"

// MetadataWords reads the five words that a service says of itself.
func MetadataWords(m *wrap.Metadata, place Place) map[string]Word {
	text := func(name, usage string, to *string) Word {
		return Word{Parse: func(n Node) error {
			t, err := n.One(name + " " + usage)
			if err != nil {
				return err
			}
			place[name] = t
			if t.Text == "" {
				return Errorf(t, "%s must not be empty", name)
			}
			*to = t.Text
			return nil
		}}
	}
	return map[string]Word{
		"name":        text("name", "mymicroservice", &m.Name),
		"version":     text("version", "1.0.0", &m.Version),
		"repository":  text("repository", "https://example.org/source", &m.Repository),
		"description": text("description", `"What it does"`, &m.Description),
		"api_version": text("api_version", "1.0", &m.APIVersion),
	}
}
