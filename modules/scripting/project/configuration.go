package project

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/fairway-gateway/fairway/modules/scripting/client"
	"github.com/fairway-gateway/fairway/runner/bundle"
)

// idMember is the member of configuration.json that names the script at its gateway.
const idMember = "id"

func idOf(configuration []byte) string {
	var c struct {
		ID any `json:"id"`
	}
	if json.Unmarshal(configuration, &c) != nil {
		return ""
	}
	id, _ := c.ID.(string)
	return id
}

// mostConfiguration is how long configuration.json may be, in bytes.
const mostConfiguration = 1 << 20

// ID gives the id in the configuration.json of a directory.
func ID(directory string) (string, error) {
	text, err := read(directory)
	if errors.Is(err, fs.ErrNotExist) {
		return "", refuse("there is no %s in %s: name the script", bundle.ConfigurationName, directory)
	}
	if err != nil {
		return "", err
	}
	if id := idOf(bytes.TrimPrefix(text, []byte("\ufeff"))); id != "" {
		return id, nil
	}
	return "", refuse("%s has no id: the script was not published from here", filepath.Join(directory, bundle.ConfigurationName))
}

func read(directory string) ([]byte, error) {
	name := filepath.Join(directory, bundle.ConfigurationName)
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Size() > mostConfiguration {
		return nil, refuse("%s has more than %d bytes", name, mostConfiguration)
	}
	return os.ReadFile(name)
}

// KeepID writes an id into the configuration.json of a directory, all else of which stays as it is.
func KeepID(directory, id string) error {
	text, err := read(directory)
	if err != nil {
		return err
	}
	next, err := withID(text, id)
	if err != nil {
		return err
	}
	name := filepath.Join(directory, bundle.ConfigurationName)
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	return client.Replace(name, next, info.Mode().Perm())
}

// withID is a configuration with an id: in the place of the one that it has, else before all others.
func withID(text []byte, id string) ([]byte, error) {
	shown, err := json.Marshal(id)
	if err != nil {
		return nil, err
	}
	bom := len(text) - len(bytes.TrimPrefix(text, []byte("\ufeff")))
	d := json.NewDecoder(bytes.NewReader(text[bom:]))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, fmt.Errorf("%s is no JSON object", bundle.ConfigurationName)
	}
	first := bom + int(d.InputOffset())
	out := append([]byte{}, text[:first]...)
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		if name == idMember {
			end := bom + int(d.InputOffset())
			out = append(append([]byte{}, text[:end-len(value)]...), shown...)
			return append(out, text[end:]...), nil
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	// What stands between { and the first member begins the others, too.
	rest := text[first:]
	space := rest[:len(rest)-len(bytes.TrimLeft(rest, " \t\r\n"))]
	out = append(append(append(out, space...), `"id": `...), shown...)
	if rest[len(space)] != '}' {
		out = append(append(out, ','), space...)
		if len(space) == 0 {
			out = append(out, ' ')
		}
	}
	return append(out, rest[len(space):]...), nil
}
