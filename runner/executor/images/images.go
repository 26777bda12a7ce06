// Package images says which image of a container a script runs in: the runner's, or one of those that it lets scripts ask for by the
// environment of their configuration.json. There is no other way to an image.
package images

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/distribution/reference"
)

// Images are those of a runner.
type Images struct {
	// Usual is what scripts run in that name no environment, as python:3.13-slim. Default none: every script has to name one.
	Usual string
	// Environments are what those run in that name one. In an image {version} stands for their environment_version.
	Environments map[string]string
}

// Asked is what a script's configuration.json says of where it runs.
type Asked struct {
	Environment string `json:"environment,omitempty"`
	Version     string `json:"environment_version,omitempty"`
}

// Ask reads configuration.json among the files of a script. Without one nothing is asked for.
func Ask(files fs.FS) (Asked, error) {
	var asked Asked
	file, err := files.Open("configuration.json")
	if errors.Is(err, fs.ErrNotExist) {
		return asked, nil
	}
	if err != nil {
		return asked, fmt.Errorf("read configuration.json: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, 1<<20))
	if err == nil {
		err = json.Unmarshal([]byte(strings.TrimPrefix(string(text), "\ufeff")), &asked)
	}
	if err != nil {
		return Asked{}, fmt.Errorf("read configuration.json: %w", err)
	}
	return asked, nil
}

// Check says what is wrong with an image's name.
func Check(name string) error {
	if _, err := reference.ParseDockerRef(name); err != nil {
		return fmt.Errorf("image %.100q: %w", name, err)
	}
	return nil
}

// Check says what is wrong with the images.
func (i Images) Check() error {
	if i.Usual != "" {
		if err := Check(i.Usual); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(i.Environments)) {
		image := i.Environments[name]
		if err := Check(strings.ReplaceAll(image, "{version}", "1")); err != nil {
			return fmt.Errorf("environment %s: %w", name, err)
		}
		last := strings.LastIndex(image, "/") + 1
		repository, _, _ := strings.Cut(image[last:], ":")
		if strings.Contains(image[:last]+repository, "{version}") {
			return fmt.Errorf("environment %s: {version} can stand in an image's tag alone, after the colon", name)
		}
	}
	return nil
}

// Of is what a script runs in. What it asks for are its maker's words.
func (i Images) Of(asked Asked) (string, error) {
	if asked.Environment == "" {
		if i.Usual == "" {
			return "", fmt.Errorf("the script names no environment, and has to: there are %s", i.names())
		}
		return i.Usual, nil
	}
	image, is := i.Environments[asked.Environment]
	if !is {
		return "", fmt.Errorf("environment %.100q is not known to this runner: there are %s", asked.Environment, i.names())
	}
	if !strings.Contains(image, "{version}") {
		return image, nil
	}
	// It goes into the image's tag alone.
	if !regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$`).MatchString(asked.Version) {
		return "", fmt.Errorf("environment %s needs an environment_version, and %.100q cannot be one", asked.Environment, asked.Version)
	}
	return strings.ReplaceAll(image, "{version}", asked.Version), nil
}

func (i Images) names() string {
	if len(i.Environments) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(maps.Keys(i.Environments)), ", ")
}
