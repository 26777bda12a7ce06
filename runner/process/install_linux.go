//go:build linux && (amd64 || arm64)

package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/process/keeper"
)

// install has pip install what a script requires. pip itself runs as a script does, but for connections to the port of its index; of packages it takes wheels,
// which run nothing when they are installed.
func (e *Executor) install(ctx context.Context, build, file string, log func(string)) error {
	wanted, err := requirements(file)
	if err != nil || len(wanted) == 0 {
		return err
	}
	if e.options.PipIndex == "" {
		return fmt.Errorf("the script requires %s and this runner has no pip_index to install it from", strings.Join(wanted, ", "))
	}
	port, err := indexPort(e.options.PipIndex)
	if err != nil {
		return err
	}
	job, err := e.enter(filepath.Join(build, "job"), nil)
	if err != nil {
		return err
	}
	defer job.close()
	if err = e.furnish(job); err == nil {
		err = job.write(keeper.FileParams, []byte(strings.Join(wanted, "\n")+"\n"))
	}
	if err != nil {
		return err
	}
	in := job.file
	site := in(keeper.Work + "/" + nameSite)
	spec := &keeper.Spec{
		Argv: []string{
			e.options.Python, "-m", "pip", "install", "--quiet", "--only-binary", ":all:", "--target", site, "--no-cache-dir", "--disable-pip-version-check",
			"--no-input", "--no-compile", "--progress-bar", "off", "--requirement", in(keeper.FileParams),
		},
		Env: []string{
			"PATH=" + e.options.Path, "HOME=" + in(keeper.Work), "TMPDIR=" + in(keeper.Temp), "LANG=C.UTF-8", "PIP_CONFIG_FILE=" + os.DevNull,
			"PIP_INDEX_URL=" + e.options.PipIndex, // may have a password, which everybody could see in an argument
			"RES_OPTIONS=use-vc",
		},
		Directory: in(keeper.Work),
		Stdin:     os.DevNull,
		Measured:  in(keeper.Box),
		Read:      slices.Concat(keeper.System(), e.options.Read, resolver(), []string{"/proc/self", in(keeper.FileParams)}),
		Write:     []string{in(keeper.Box)},
		TCP:       []uint16{port, 53},
		UDP:       true,
		User:      job.id,
		Limits:    executor.Limits{Memory: 2 << 30, Disk: 4 << 30, Timeout: 15 * time.Minute}.WithDefaults(),
	}
	log("Installing " + strings.Join(wanted, ", "))
	if err := e.finish(ctx, job, spec, log); err != nil {
		return fmt.Errorf("install what requirements.txt asks for: %w", err)
	}
	final := filepath.Join(build, nameSite)
	if err := os.Rename(site, final); err != nil {
		return fmt.Errorf("put the packages in place: %w", err)
	}
	return errors.Join(settle(final), removeAll(job.directory))
}

// indexPort is the port of an index.
func indexPort(index string) (uint16, error) {
	address, err := url.Parse(index)
	if err != nil || address.Host == "" {
		return 0, errors.New("pip_index is no URL")
	}
	text := address.Port()
	if text == "" {
		text = map[string]string{"http": "80", "https": "443"}[address.Scheme]
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0, errors.New("pip_index has no port that is known")
	}
	return uint16(port), nil
}

// finish runs something to its end, tells what it says, and says why it failed.
func (e *Executor) finish(ctx context.Context, b *berth, spec *keeper.Spec, log func(string)) (err error) {
	job := e.run(filepath.Base(b.directory), b.directory)
	job.line, err = e.launch(b, spec, nil)
	b.close() // it is the keeper's, for whose end is looked by the lock
	if err != nil {
		return err
	}
	defer func() {
		// What was cut off does not go on.
		if ctx.Err() != nil {
			_ = job.Kill(context.WithoutCancel(ctx), executor.CauseLost)
			_, _ = job.Wait(context.WithoutCancel(ctx))
		}
	}()
	output, err := job.Output(ctx, 0)
	if err != nil {
		return err
	}
	defer output.Close()
	for {
		record, err := output.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if len(record.Text) > 0 {
			log(string(record.Text))
		}
	}
	exit, err := job.Wait(ctx)
	if err != nil {
		return err
	}
	if exit.Outcome != executor.Succeeded {
		return errors.New(exit.Reason)
	}
	return nil
}
