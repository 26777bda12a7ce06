package s3_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/runner/blobs/s3"
)

func TestOpen(t *testing.T) {
	for name, value := range map[string]string{"AWS_ENDPOINT_URL": "", "AWS_ENDPOINT_URL_S3": "", "AWS_REGION": "eu-central-1"} {
		t.Setenv(name, value)
	}
	for address, want := range map[string]string{
		"s3://bucket": "",
		"s3://bucket?region=eu-central-1&endpoint=http://127.0.0.1:9000&s3ForcePathStyle=true": "",
		"s3://bucket/":                        "",
		"s3://":                               "want s3://bucket",
		"s3://bucket/folder":                  "want s3://bucket",
		"s3://user:password@bucket":           "want s3://bucket",
		"s3://bucket?regoin=x":                "regoin is no parameter",
		"s3://bucket?region=a&region=b":       "region is there twice",
		"s3://bucket?s3ForcePathStyle=often":  "true or false",
		"s3://bucket?endpoint=127.0.0.1:9000": "endpoint is http://host:port",
		"s3://bucket?endpoint=ftp://host":     "endpoint is http://host:port",
		"s3://bucket?endpoint=http://u:p@h":   "endpoint is http://host:port",
		"s3://bucket?endpoint=http://h/path":  "endpoint is http://host:port",
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		b, err := s3.Open(u)
		if err == nil {
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		}
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", address, err, want)
		}
	}
	t.Setenv("AWS_ENDPOINT_URL", "nowhere")
	if _, err := s3.Open(&url.URL{Scheme: "s3", Host: "bucket"}); err == nil {
		t.Error("an endpoint of the environment was not looked at")
	}
}
