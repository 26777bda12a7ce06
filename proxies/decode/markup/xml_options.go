package markup

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/repeated"
	"github.com/fairway-gateway/fairway/proxies/decode/typed"
)

// XMLOptions are the options of XML and of SOAP.
type XMLOptions struct {
	// List are paths of elements that are arrays. Where a path names the parent, too ("jobs/job"), a parent without such
	// an element has an empty array. Default: none.
	List []string `json:"list,omitempty"`
	// Arrays makes an array of every element but the root. Default: only what List names.
	Arrays bool `json:"arrays,omitempty"`
	// Repeated says what becomes of an element that occurs again in its parent and is no list: "error" refuses the
	// document, "first" or "last" take that one, "array" makes an array only where there are several. Default: "error".
	Repeated string `json:"repeated,omitempty"`
	// Content are paths of elements whose children are always told as "#content", in order. Default: those that have text
	// and elements side by side.
	Content []string `json:"content,omitempty"`
	// Mixed says what becomes of text and elements side by side: "content" tells them as "#content", "text" joins all text
	// within to one string. Default: "content".
	Mixed string `json:"mixed,omitempty"`
	// Attributes says which are told: "all", "data" (not those of XML Schema's and SOAP's own namespaces, as xsi:type), or
	// "none". Default: "all".
	Attributes string `json:"attributes,omitempty"`
	// Empty says what an element with nothing in it is: "null", "string" or "object". Default: "null".
	Empty string `json:"empty,omitempty"`
	// Namespaces says what becomes of prefixes: "strip" cuts them off and refuses elements of different namespaces that
	// then have one name, "prefix" leaves names as they are written, "keep" tells also the declarations, as attributes.
	// Default: "strip".
	Namespaces string `json:"namespaces,omitempty"`
	// Entities says which are known beside numeric references: "xml" those five, "html" also HTML's. Default: "xml".
	Entities string `json:"entities,omitempty"`
	// Root "keep" makes an object of the root element's name and its value, and so of what Select and Records choose;
	// "drop" tells only the value. Default: "drop".
	Root string `json:"root,omitempty"`
	// Select is the path of an element that is told instead of the root, the first there is. Default: the root.
	Select string `json:"select,omitempty"`
	// Records is the path of elements that are told one by one as an array, outside which nothing is told. Only with it can
	// the document be streamed. Default: none.
	Records string `json:"records,omitempty"`
	// Numbers makes numbers, true, false and null of texts and attributes that are written as in JSON: 007 stays a string.
	// Default: all are strings.
	Numbers bool `json:"numbers,omitempty"`
	// Space says what becomes of white space at both ends of a text: "trim" or "preserve". White space alone between
	// elements is never told. Default: "trim".
	Space string `json:"space,omitempty"`
	// Lenient reads what is not well-formed as well as it can: a lone & or <, entities that are not known, missing end
	// tags, attributes without quotes or value, control characters (left out), text around the root element.
	// Default: an error.
	Lenient bool `json:"lenient,omitempty"`
}

// Values of XMLOptions.Namespaces.
const (
	xmlStrip  = "strip"
	xmlPrefix = "prefix"
	xmlKeep   = "keep"
)

// xmlPlan is what of the options was prepared.
type xmlPlan struct {
	format               string
	list, content        []xmlPath
	hit                  *xmlPath // Select or Records
	all                  bool     // build the whole document, hits only marked
	records              bool
	arrays, keepRoot     bool
	repeated             string
	mixedText            bool
	strip, keepSpaces    bool
	noAttributes, noSOAP bool
	empty                string
	html, lenient        bool
	preserve             bool
	scalar               func(decode.Sink, string) error
}

func (d *XMLOptions) compile(format string) (*xmlPlan, error) {
	words := []struct {
		option, value string
		known         []string
	}{
		{"repeated", d.Repeated, []string{repeated.Error, repeated.First, repeated.Last, "array"}},
		{"mixed", d.Mixed, []string{"content", "text"}},
		{"attributes", d.Attributes, []string{"all", "data", "none"}},
		{"empty", d.Empty, []string{"null", "string", "object"}},
		{"namespaces", d.Namespaces, []string{xmlStrip, xmlPrefix, xmlKeep}},
		{"entities", d.Entities, []string{"xml", "html"}},
		{"root", d.Root, []string{"keep", "drop"}},
		{"space", d.Space, []string{"trim", "preserve"}},
	}
	for _, w := range words {
		if err := oneOf(w.option, w.value, w.known); err != nil {
			return nil, err
		}
	}
	if d.Select != "" && d.Records != "" {
		return nil, errors.New("select and records exclude each other")
	}
	p := &xmlPlan{
		format: format, arrays: d.Arrays, keepRoot: d.Root == "keep", repeated: d.Repeated, mixedText: d.Mixed == "text",
		strip: d.Namespaces == "" || d.Namespaces == xmlStrip, keepSpaces: d.Namespaces == xmlKeep,
		noAttributes: d.Attributes == "none", noSOAP: d.Attributes == "data",
		empty: d.Empty, html: d.Entities == "html" || d.Lenient, lenient: d.Lenient, preserve: d.Space == "preserve",
		records: d.Records != "", scalar: typed.TellString,
	}
	if d.Numbers {
		p.scalar = typed.Tell
	}
	var err error
	if p.list, err = xmlPaths("list", d.List); err != nil {
		return nil, err
	}
	if p.content, err = xmlPaths("content", d.Content); err != nil {
		return nil, err
	}
	for option, path := range map[string]string{"select": d.Select, "records": d.Records} {
		if path == "" {
			continue
		}
		hit, err := newXMLPath(path)
		if err != nil {
			return nil, fmt.Errorf("%s %q: %w", option, path, err)
		}
		p.hit = &hit
	}
	return p, d.checkPrefixes(p.strip)
}

// checkPrefixes refuses paths with prefixes where the names that they are held against have none: they would match nothing.
func (d *XMLOptions) checkPrefixes(strip bool) error {
	if !strip {
		return nil
	}
	for _, path := range slices.Concat(d.List, d.Content, []string{d.Select, d.Records}) {
		if strings.Contains(path, ":") {
			return fmt.Errorf("%q: names have no prefix unless namespaces is prefix or keep", path)
		}
	}
	return nil
}

func oneOf(option, value string, known []string) error {
	if value == "" {
		return nil
	}
	if slices.Contains(known, value) {
		return nil
	}
	last := len(known) - 1
	return fmt.Errorf("%s %q: want %s or %s", option, value, strings.Join(known[:last], ", "), known[last])
}

func (d *XMLOptions) factor() float64 {
	if d.Records != "" && d.Root == "keep" {
		return xmlNamedFactor
	}
	return xmlFactor
}
