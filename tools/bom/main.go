// Command bom tells what the program is made of: each module of Go with its version, its checksum and its licence.
//
//	go run . -markdown ../../docs/licences.md      a page
//	go run . -cyclonedx fairway.cdx.json           an SBOM (CycloneDX 1.6), as JSON
//
// It asks go for the modules of which packages are in the program on Linux, and reads their licences where go keeps them. A module whose
// licence is not among those that are known to be fine is an error.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/licensecheck"
)

// fine are the licences of which somebody has made sure that the program may have what is under them, by their SPDX names.
func fine() []string {
	return []string{"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0", "MPL-2.0", "OFL-1.1", "PostgreSQL"}
}

// module is one that the program has packages of.
type module struct {
	Path, Version, Dir, Sum string
	Main                    bool
	licences                []string
}

func main() {
	root := flag.String("source", "../..", "where the source of Fairway is")
	markdown := flag.String("markdown", "", "write a page into this file")
	sbom := flag.String("cyclonedx", "", "write an SBOM into this file")
	version := flag.String("version", "", "the version that the SBOM is of")
	flag.Parse()
	if err := run(*root, *markdown, *sbom, *version); err != nil {
		fmt.Fprintln(os.Stderr, "bom:", err)
		os.Exit(1)
	}
}

func run(root, markdown, sbom, version string) error {
	all, err := modules(root)
	if err != nil {
		return err
	}
	var wrong error
	for i := range all {
		wrong = errors.Join(wrong, all[i].read())
	}
	if wrong != nil {
		return wrong
	}
	if markdown != "" {
		if err := os.WriteFile(markdown, page(all), 0o644); err != nil {
			return err
		}
	}
	if sbom == "" {
		return nil
	}
	out, err := os.Create(sbom)
	if err != nil {
		return err
	}
	return errors.Join(write(out, all, version), out.Close())
}

// modules asks go for those of the program, in the order of their paths, without the program's own.
func modules(root string) ([]module, error) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		return nil, err
	}
	tags := regexp.MustCompile(`(?m)^TAGS := (\S+)$`).FindSubmatch(makefile)
	if tags == nil {
		return nil, errors.New("the Makefile has no TAGS")
	}
	list := func(arguments ...string) *exec.Cmd {
		cmd := exec.Command("go", arguments...)
		cmd.Dir, cmd.Stderr = root, os.Stderr
		cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOWORK=off")
		return cmd
	}
	packages, err := list("list", "-deps", "-tags", string(tags[1]), "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", "./caddy").Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	paths := strings.Fields(string(packages))
	slices.Sort(paths)
	told, err := list(append([]string{"list", "-m", "-json"}, slices.Compact(paths)...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("go list -m: %w", err)
	}
	var all []module
	for d := json.NewDecoder(bytes.NewReader(told)); ; {
		var one module
		if err := d.Decode(&one); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
}

// read finds the licences of a module, in the files that say so by their name.
func (m *module) read() error {
	files, err := os.ReadDir(m.Dir)
	if err != nil {
		return fmt.Errorf("%s: %w", m.Path, err)
	}
	named := regexp.MustCompile(`(?i)^(licen[cs]e|copying|unlicense)([.\-_].*)?$`)
	for _, f := range files {
		if f.IsDir() || !named.MatchString(f.Name()) || strings.HasSuffix(f.Name(), ".docs") { // texts, which are not in the program
			continue
		}
		text, err := os.ReadFile(filepath.Join(m.Dir, f.Name()))
		if err != nil {
			return err
		}
		for _, match := range licensecheck.Scan(text).Match {
			if !match.IsURL {
				m.licences = append(m.licences, match.ID)
			}
		}
	}
	slices.Sort(m.licences)
	m.licences = slices.Compact(m.licences)
	if len(m.licences) == 0 {
		return fmt.Errorf("%s has no licence that is known", m.Path)
	}
	for _, one := range m.licences {
		if !slices.Contains(fine(), one) {
			return fmt.Errorf("%s is under %s, of which nobody has made sure", m.Path, one)
		}
	}
	return nil
}

// page is a table of all.
func page(all []module) []byte {
	var out bytes.Buffer
	out.WriteString("<!-- Made by tools/bom: go generate ./caddy -->\n\n# Licences\n\nFairway is under the [Apache License 2.0](../LICENSE). The program has packages of these modules, as they are; each is under its own licence.\n\n| module | version | licence |\n| --- | --- | --- |\n")
	for _, m := range all {
		fmt.Fprintf(&out, "| %s | %s | %s |\n", m.Path, m.Version, strings.Join(m.licences, ", "))
	}
	return out.Bytes()
}

// write writes an SBOM. It has no time and no number of its own, so that the same source gives the same one.
func write(to io.Writer, all []module, version string) error {
	b := cyclonedx.NewBOM()
	b.SerialNumber = ""
	b.Metadata = &cyclonedx.Metadata{Component: &cyclonedx.Component{
		BOMRef: "fairway", Type: cyclonedx.ComponentTypeApplication, Name: "fairway", Version: version,
		Licenses: &cyclonedx.Licenses{{License: &cyclonedx.License{ID: "Apache-2.0"}}},
	}}
	var components []cyclonedx.Component
	var needs []string
	for _, m := range all {
		purl := "pkg:golang/" + m.Path + "@" + m.Version
		var licences cyclonedx.Licenses
		for _, id := range m.licences {
			licences = append(licences, cyclonedx.LicenseChoice{License: &cyclonedx.License{ID: id}})
		}
		components = append(components, cyclonedx.Component{
			BOMRef: purl, Type: cyclonedx.ComponentTypeLibrary, Name: m.Path, Version: m.Version, PackageURL: purl, Licenses: &licences,
			Properties: &[]cyclonedx.Property{{Name: "golang:sum", Value: m.Sum}},
		})
		needs = append(needs, purl)
	}
	b.Components = &components
	b.Dependencies = &[]cyclonedx.Dependency{{Ref: "fairway", Dependencies: &needs}}
	return cyclonedx.NewBOMEncoder(to, cyclonedx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(b, cyclonedx.SpecVersion1_6)
}
