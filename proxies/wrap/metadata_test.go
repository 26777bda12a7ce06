package wrap

import (
	"testing"

	"github.com/fairway-gateway/fairway/proxies/session"
)

func TestDocument(t *testing.T) {
	t.Parallel()
	m := Metadata{Name: "n", Version: "1.2.3", Repository: "https://example.org/?a&b", Description: "<d>", APIVersion: "1.0", Auth: session.ModeNone}
	d, err := m.Document()
	if err != nil {
		t.Fatal(err)
	}
	const compact = `{"api_version":"1.0","auth":"none","description":"<d>","name":"n","repository":"https://example.org/?a&b","version":"1.2.3"}` + "\n"
	const pretty = "{\n  \"api_version\": \"1.0\",\n  \"auth\": \"none\",\n  \"description\": \"<d>\",\n  \"name\": \"n\",\n" +
		"  \"repository\": \"https://example.org/?a&b\",\n  \"version\": \"1.2.3\"\n}\n"
	if string(d.compact) != compact {
		t.Errorf("compact: %s", d.compact)
	}
	if string(d.pretty) != pretty {
		t.Errorf("pretty: %s", d.pretty)
	}
	for _, path := range []string{
		"/metadata", "/metadata.json", "/metadata/", "/v1.0/metadata", "/v1.0/metadata.json", "/v1.0/metadata/",
		"/1.0/metadata", "/1.0/metadata.json", "/1.0/metadata/",
	} {
		if !d.Has(path) {
			t.Errorf("the document is not at %s", path)
		}
	}
	for _, path := range []string{
		"", "/", "metadata", "/metadata//", "/metadata.xml", "/metadatas", "/v2.0/metadata", "/2.0/metadata", "/vv1.0/metadata", "1.0/metadata",
		"/v1.0/x/metadata", "/v/metadata", "/metadata/metadata", "v/v1.0/metadata", "/v1.0//metadata", "/x1.0/metadata", "/metadata/x", "//metadata",
	} {
		if d.Has(path) {
			t.Errorf("the document is at %s", path)
		}
	}
}
