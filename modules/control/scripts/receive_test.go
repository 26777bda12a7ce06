package scripts

import (
	"errors"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/modules/control/api"
)

// FuzzReceive holds that what is no form with one file is refused with a 400, and that a file is within its limit.
func FuzzReceive(f *testing.F) {
	const part = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.sh\"\r\n\r\n#!/bin/sh\r\n"
	for _, body := range []string{"", part, part + "--b--\r\n", part + part + "--b--\r\n", strings.Repeat("--b\r\n\r\n\r\n", 40), "--b\r\nContent-Disposition: form-data; name=file\r\n\r\nx\r\n--b--"} {
		f.Add("multipart/form-data; boundary=b", body)
	}
	f.Add("text/plain", "x")
	f.Add("multipart/form-data", "x")
	f.Fuzz(func(t *testing.T, kind, body string) {
		const most = 1000
		up, err := receive(&sent{body: strings.NewReader(body), kind: kind}, most)
		if err != nil {
			if no, ok := errors.AsType[api.Failure](err); !ok || no.Status != 400 || no.Detail == "" {
				t.Errorf("%v", err)
			}
			return
		}
		defer up.Close()
		if up.size > most || up.name == "" {
			t.Errorf("%d bytes of %q", up.size, up.name)
		}
	})
}
