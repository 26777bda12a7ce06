package docker

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/build"
	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/client"

	"github.com/fairway-gateway/fairway/runner/executor"
)

// imageName is a version's.
func imageName(version string) string { return "fairway/script:v." + version }

// prepared is a version whose image is there.
type prepared struct {
	id      string
	recipe  string
	entry   executor.Entry
	shell   bool
	site    bool
	volumes []string
}

// prepared finds a version's image, or says executor.ErrNotPrepared.
func (e *Executor) prepared(ctx context.Context, version string) (*prepared, error) {
	found, err := e.engine.ImageInspect(ctx, imageName(version))
	if errdefs.IsNotFound(err) {
		return nil, executor.ErrNotPrepared
	}
	if err != nil {
		return nil, fmt.Errorf("look for the image of version %s: %w", version, e.explain(err))
	}
	if found.Config == nil || found.Config.Labels[labelVersion] != version {
		return nil, executor.ErrNotPrepared
	}
	labels := found.Config.Labels
	p := &prepared{id: found.ID, recipe: labels[labelRecipe], shell: labels[labelShell] == "yes", site: labels[labelSite] == "yes", volumes: slices.Collect(maps.Keys(found.Config.Volumes))}
	if err := json.Unmarshal([]byte(labels[labelEntry]), &p.entry); err != nil {
		return nil, executor.ErrNotPrepared
	}
	return p, nil
}

// Prepare makes the image of a version. Where there is one it asks nobody for its files.
func (e *Executor) Prepare(ctx context.Context, script executor.Script, log func(string)) error {
	if err := executor.CheckName(script.Version); err != nil {
		return fmt.Errorf("the script's version: %w", err)
	}
	if log == nil {
		log = func(string) {}
	}
	unlock, err := e.locks.lock(ctx, "version "+script.Version)
	if err != nil {
		return err
	}
	defer unlock()
	used := filepath.Join(e.options.Directory, "versions", script.Version)
	// What it is made with may have changed since, which only who has its files knows: its environment is in one of them. The runner's options are in the recipe.
	if p, err := e.prepared(ctx, script.Version); err == nil && strings.HasPrefix(p.recipe, e.recipe()+" ") {
		return touch(used)
	} else if err != nil && !errors.Is(err, executor.ErrNotPrepared) {
		return err
	}
	if err := e.make(ctx, script, log); err != nil {
		return err
	}
	if err := touch(used); err != nil {
		return err
	}
	if err := e.tidy(ctx); err != nil {
		log("Images that nobody uses could not be removed: " + err.Error())
	}
	return nil
}

// recipe is what of the options an image depends on.
func (e *Executor) recipe() string {
	said, _ := json.Marshal([]any{1, e.options.Image, e.options.Environments, e.options.PipIndex, e.options.Python}) // of strings
	sum := sha256.Sum256(said)
	return hex.EncodeToString(sum[:8])
}

// make puts the files of a version together and has the engine make an image of them.
func (e *Executor) make(ctx context.Context, script executor.Script, log func(string)) (err error) {
	directory, err := os.MkdirTemp(filepath.Join(e.options.Directory, "builds"), "build-")
	if err != nil {
		return fmt.Errorf("make a directory for the script's files: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	if err := script.Files(ctx, directory); err != nil {
		return err
	}
	root, err := os.OpenRoot(directory)
	if err != nil {
		return fmt.Errorf("read the script's files: %w", err)
	}
	defer root.Close()
	entry, err := executor.FindEntry(root.FS())
	if err != nil {
		if len(script.Command) == 0 {
			return err
		}
		entry = executor.Entry{}
		if info, err := root.Lstat("requirements.txt"); err == nil && info.Mode().IsRegular() {
			entry.Requirements = "requirements.txt"
		}
	}
	wanted, err := e.requirements(root, entry)
	if err != nil {
		return err
	}
	name, err := e.imageOf(root)
	if err != nil {
		return err
	}
	base, err := e.base(ctx, name, log)
	if err != nil {
		return err
	}
	shell, err := e.hasShell(ctx, base)
	if err != nil {
		return err
	}
	said, err := json.Marshal(entry)
	if err != nil {
		return fmt.Errorf("write how the script is started: %w", err)
	}
	word := map[bool]string{true: "yes", false: "no"}
	return e.build(ctx, root, parts{
		tag: imageName(script.Version), base: base.ID, harness: entry.Python, wanted: wanted,
		labels: map[string]string{
			labelVersion: script.Version, labelRecipe: e.recipe() + " " + name, labelEntry: string(said), labelShell: word[shell], labelSite: word[len(wanted) > 0],
		},
	}, log)
}

// requirements are the packages that a script asks for.
func (e *Executor) requirements(root *os.Root, entry executor.Entry) ([]string, error) {
	if entry.Requirements == "" {
		return nil, nil
	}
	file, err := root.Open(entry.Requirements)
	if err != nil {
		return nil, fmt.Errorf("read requirements.txt: %w", err)
	}
	defer file.Close()
	wanted, err := executor.ParseRequirements(file)
	if err == nil && len(wanted) > 0 && e.options.PipIndex == "" {
		err = fmt.Errorf("the script requires %s and this runner has no pip_index to install it from", strings.Join(wanted, ", "))
	}
	return wanted, err //nolint:wrapcheck // it says whose
}

// imageOf is the image that a script's configuration.json asks for.
func (e *Executor) imageOf(root *os.Root) (string, error) {
	var asked struct {
		Environment string `json:"environment"`
		Version     string `json:"environment_version"`
	}
	file, err := root.Open("configuration.json")
	if errors.Is(err, fs.ErrNotExist) {
		return e.options.image("", "")
	}
	if err != nil {
		return "", fmt.Errorf("read configuration.json: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, 1<<20))
	if err == nil {
		err = json.Unmarshal([]byte(strings.TrimPrefix(string(text), "\ufeff")), &asked)
	}
	if err != nil {
		return "", fmt.Errorf("read configuration.json: %w", err)
	}
	return e.options.image(asked.Environment, asked.Version)
}

// base finds the image that another is made from, and fetches it if that is to be done.
func (e *Executor) base(ctx context.Context, name string, log func(string)) (image.InspectResponse, error) {
	found, err := e.engine.ImageInspect(ctx, name)
	switch {
	case err == nil && e.options.Pull != pullAlways:
		return found.InspectResponse, nil
	case err != nil && !errdefs.IsNotFound(err):
		return image.InspectResponse{}, fmt.Errorf("look for the image %s: %w", name, e.explain(err))
	case err != nil && e.options.Pull == pullNever:
		return image.InspectResponse{}, fmt.Errorf("the engine has no image %s, and pull never says that it is not fetched: docker pull %s", name, name)
	}
	log("Fetching the image " + name)
	pulling, err := e.engine.ImagePull(ctx, name, client.ImagePullOptions{})
	if err == nil {
		err = pulling.Wait(ctx)
	}
	if err != nil {
		return image.InspectResponse{}, fmt.Errorf("the image %s cannot be fetched; one from a registry that wants a password has to be there before (docker pull %s): %w", name, name, e.explain(err))
	}
	found, err = e.engine.ImageInspect(ctx, name)
	if err != nil {
		return image.InspectResponse{}, fmt.Errorf("look for the image %s: %w", name, e.explain(err))
	}
	return found.InspectResponse, nil
}

// parts are what an image is made of.
type parts struct {
	tag, base string
	harness   bool
	wanted    []string
	labels    map[string]string
}

// dockerfile says how. Nothing of the script is run: of packages pip takes wheels, which run nothing when they are installed.
func (e *Executor) dockerfile(b parts) (string, error) {
	// One layer, which is what takes time. What an engine makes on the way has the labels of what is before it alone.
	lines := []string{"FROM " + b.base, "LABEL " + labelStep + "=yes", "COPY files /"}
	if len(b.wanted) > 0 {
		argv, err := json.Marshal([]string{
			e.options.Python, "-m", "pip", "install", "--quiet", "--only-binary", ":all:", "--target", placeSite, "--no-cache-dir", "--disable-pip-version-check",
			"--no-input", "--no-compile", "--progress-bar", "off", "--root-user-action", "ignore", "--requirement", placeRequirements,
		})
		if err != nil {
			return "", fmt.Errorf("write what pip is to do: %w", err)
		}
		lines = append(lines, "USER 0:0", "ARG PIP_INDEX_URL", "ENV PIP_CONFIG_FILE=/dev/null", "RUN "+string(argv))
	}
	return strings.Join(lines, "\n") + "\n", nil
}

// build has the engine make an image, and tells what it says.
func (e *Executor) build(ctx context.Context, root *os.Root, b parts, log func(string)) error {
	ctx, stop := context.WithTimeout(ctx, 30*time.Minute)
	defer stop()
	recipe, err := e.dockerfile(b)
	if err != nil {
		return err
	}
	options := client.ImageBuildOptions{
		Tags: []string{b.tag}, Labels: b.labels, Remove: true, ForceRemove: true, Version: build.BuilderV1, NetworkMode: "none",
		Memory: 2 << 30, MemorySwap: 2 << 30, CPUPeriod: 100_000, CPUQuota: 100_000,
	}
	if len(b.wanted) > 0 {
		options.NetworkMode = e.options.BuildNetwork
		options.BuildArgs = map[string]*string{"PIP_INDEX_URL": &e.options.PipIndex}
		log("Installing " + strings.Join(b.wanted, ", "))
	}
	reader, writer := io.Pipe()
	packed := make(chan struct{})
	go func() { // ends with the request, which reads or closes
		defer close(packed)
		writer.CloseWithError(pack(root, recipe, b, writer))
	}()
	built, err := e.engine.ImageBuild(ctx, reader, options)
	if err != nil {
		reader.CloseWithError(err)
		<-packed
		return fmt.Errorf("make the script's image: %w", e.explain(err))
	}
	defer func() {
		built.Body.Close()
		reader.Close()
		<-packed
	}()
	return e.told(built.Body, log)
}

// told reads what the engine says of a build.
func (e *Executor) told(body io.Reader, log func(string)) error {
	messages := json.NewDecoder(body)
	for {
		var message struct {
			Stream string `json:"stream"`
			Error  string `json:"error"`
		}
		err := messages.Decode(&message)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("make the script's image: %w", e.explain(err))
		case message.Error != "" && withoutContainerd(message.Error):
			return awayError{fmt.Errorf("make the script's image: %s", message.Error)}
		case message.Error != "":
			return fmt.Errorf("make the script's image: %s", message.Error)
		}
		for line := range strings.Lines(message.Stream) {
			line = strings.TrimSpace(line)
			if line != "" && !strings.HasPrefix(line, "--->") && !strings.HasPrefix(line, "Removing intermediate") && !strings.HasPrefix(line, "Step ") && !strings.HasPrefix(line, "Successfully ") {
				log(line)
			}
		}
	}
}

// pack writes the archive that an image is made of. All in it is root's and can be read by everybody.
func pack(root *os.Root, recipe string, b parts, to io.Writer) error {
	archive := tar.NewWriter(to)
	texts := map[string]string{"Dockerfile": recipe}
	if b.harness {
		texts["files"+placeHarness] = string(executor.Harness)
	}
	if len(b.wanted) > 0 {
		texts["files"+placeRequirements] = strings.Join(b.wanted, "\n") + "\n"
	}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(texts[name]))})
		if err == nil {
			_, err = io.WriteString(archive, texts[name])
		}
		if err != nil {
			return fmt.Errorf("pack the script: %w", err)
		}
	}
	err := fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		header := &tar.Header{Name: path.Join("files", placeScript, name), Mode: 0o644}
		switch {
		case entry.IsDir():
			header.Typeflag, header.Mode, header.Name = tar.TypeDir, 0o755, header.Name+"/"
			return archive.WriteHeader(header)
		case !info.Mode().IsRegular():
			return fmt.Errorf("%s is neither a file nor a directory", entry.Name())
		case info.Mode()&0o111 != 0:
			header.Mode = 0o755
		}
		file, err := root.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		header.Size = info.Size()
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		_, err = io.CopyN(archive, file, info.Size())
		return err
	})
	if err = errors.Join(err, archive.Close()); err != nil {
		return fmt.Errorf("pack the script: %w", err)
	}
	return nil
}
