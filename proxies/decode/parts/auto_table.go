package parts

import (
	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/document"
	"github.com/fairway-gateway/fairway/proxies/decode/lines"
	"github.com/fairway-gateway/fairway/proxies/decode/markup"
	"github.com/fairway-gateway/fairway/proxies/decode/table"
)

// autoFormat is a format that a body may be in.
type autoFormat struct {
	name    string
	decoder decode.Decoder
	// media are the media types that declare it, "+" and suffix for all that end so.
	media []string
	// bytes and text say whether a body is in it: the one looks at its bytes, before these are known to be text.
	bytes, text func(*autoBody) bool
	// vague formats are such that much is in them: they are looked for only if they are wanted.
	vague bool
	// declared formats are looked for only where the backend declares them, or the configuration lists them.
	declared bool
	// kindOf is the format of which this is a special kind.
	kindOf string
}

// autoFormats is the table of what auto knows: a body is in the first whose test it passes.
func autoFormats() []autoFormat {
	lists := markup.XMLOptions{Arrays: true}
	json := []string{"application/json", "text/json", "+json"}
	xml := []string{"application/xml", "text/xml", "+xml"}
	return []autoFormat{
		{name: "multipart", decoder: new(Multipart), bytes: (*autoBody).isMultipart},
		{name: "xlsx", decoder: new(table.XLSX), bytes: (*autoBody).isXLSX, kindOf: "binary"},
		{name: "binary", decoder: new(Bytes), bytes: (*autoBody).isBinary},
		{name: "json", decoder: new(document.JSON), media: json, text: (*autoBody).isJSON, kindOf: "ndjson"},
		{name: "ndjson", decoder: new(document.NDJSON), media: []string{"application/x-ndjson", "application/jsonl", "application/x-jsonlines"}, text: (*autoBody).isNDJSON},
		{name: "html", decoder: new(markup.HTML), media: []string{"text/html", "application/xhtml+xml"}, text: (*autoBody).isHTML},
		{name: "soap", decoder: &markup.SOAP{XMLOptions: lists}, text: (*autoBody).isSOAP, kindOf: "xml"},
		{name: "rss", decoder: &markup.Feed{Format: "rss"}, media: []string{"application/rss+xml", "application/rdf+xml"}, text: (*autoBody).isRSS, kindOf: "xml"},
		{name: "atom", decoder: &markup.Feed{Format: "atom"}, media: []string{"application/atom+xml"}, text: (*autoBody).isAtom, kindOf: "xml"},
		{name: "html", decoder: new(markup.HTML), text: (*autoBody).isFragment, vague: true},
		{name: "xml", decoder: &markup.XML{XMLOptions: lists}, media: xml, text: (*autoBody).isXML},
		{name: "yaml", decoder: new(document.YAML), media: []string{"application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml", "+yaml"}, text: (*autoBody).isYAML},
		{name: "form", decoder: new(document.Form), media: []string{"application/x-www-form-urlencoded"}, text: (*autoBody).isForm, vague: true, declared: true},
		{name: "tsv", decoder: new(table.TSV), media: tsvMedia(), text: (*autoBody).isTSV, vague: true},
		{name: "csv", decoder: &table.CSV{Delimiter: table.DelimiterAuto}, media: csvMedia(), text: (*autoBody).isCSV, vague: true},
		{name: "kv", decoder: new(lines.KV), text: (*autoBody).isKV, vague: true},
		{name: "text", decoder: new(lines.PlainText), vague: true},
	}
}
