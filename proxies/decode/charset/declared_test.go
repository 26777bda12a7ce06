package charset

import "testing"

func TestXMLCharset(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`<?xml version="1.0" encoding="ISO-8859-1"?><a/>`:                "ISO-8859-1",
		"\n <?xml version='1.0'\n encoding = 'utf-8' standalone='yes'?>": "utf-8",
		`<?xml encoding="big5"?>`:                                        "big5",
		`<?xml version="1.0"?><a encoding="x"/>`:                         "",
		`<?xml version="1.0" encoding="x"`:                               "",
		`<?xml version="1.0" encoding=x?>`:                               "",
		`<?xml-stylesheet encoding="x"?>`:                                "",
		`<a encoding="x"?>`:                                              "",
		`<?xml?>`:                                                        "",
		"":                                                               "",
	} {
		if got := OfXML([]byte(in)); got != want {
			t.Errorf("XMLCharset(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestHTMLCharset(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`<html><head><meta charset=iso-8859-1>`:                                     "iso-8859-1",
		`<META HTTP-EQUIV="Content-Type" CONTENT="text/html; charset=Shift_JIS">`:   "Shift_JIS",
		`<meta content='text/html; charset="koi8-r"' http-equiv=content-type />`:    "koi8-r",
		`<meta content="text/html; charset = utf-8 ; x" http-equiv="content-type">`: "utf-8",
		`<meta content="charset; charset=utf-8" http-equiv="content-type">`:         "utf-8",
		`<meta content="text/html; charset=utf-8">`:                                 "",
		`<meta name=x content=y><meta charset="big5">`:                              "big5",
		`<!-- <meta charset=x> --><meta charset=y>`:                                 "y",
		`<script>"<meta charset=x>"</script><meta charset=y>`:                       "y",
		`<?xml version="1.0" encoding="ISO-8859-2"?><html><meta charset=x>`:         "ISO-8859-2",
		`<meta http-equiv="refresh" content="0; url=?charset=x">`:                   "",
		`<meta http-equiv="content-type" content="text/html; charset='x">`:          "",
		`<meta charset`:     "",
		`<meta charset="">`: "",
		"":                  "",
	} {
		if got := OfHTML([]byte(in)); got != want {
			t.Errorf("HTMLCharset(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzDeclaredCharset(f *testing.F) {
	f.Add([]byte(`<?xml version="1.0" encoding="ISO-8859-1"?><a/>`))
	f.Add([]byte(`<meta content='text/html; charset="koi8-r"' http-equiv=content-type />`))
	f.Fuzz(func(t *testing.T, prefix []byte) {
		for _, label := range []string{OfXML(prefix), OfHTML(prefix)} {
			if len(label) > 3*len(prefix) { // a byte that is no UTF-8 may become three
				t.Errorf("%q declares %q", prefix, label)
			}
		}
	})
}
