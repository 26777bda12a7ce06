package scripting

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/fairway-gateway/fairway/modules/command"
	"github.com/fairway-gateway/fairway/modules/scripting/client"
	"github.com/fairway-gateway/fairway/modules/scripting/project"
	"github.com/fairway-gateway/fairway/modules/scripting/terminal"
	"github.com/fairway-gateway/fairway/runner/bundle"
)

// published is what publish prints.
type published struct{ *client.Script }

// Text implements command.Report.
func (p published) Text(w io.Writer) error {
	if p.Built() {
		return command.Line(w, "%s, version %d, was built", p.Slug, p.Version)
	}
	return command.Line(w, "%s, version %d, is %s", p.Slug, p.Version, p.Status)
}

func publishScript(ctx context.Context, c *command.Call) (command.Report, error) {
	var public, overwrite, noWait bool
	for name, to := range map[string]*bool{"public": &public, "overwrite": &overwrite, "no-wait": &noWait} {
		var err error
		if *to, err = c.Flags().GetBool(name); err != nil {
			return nil, err
		}
	}
	from := here(c.Args)
	packed, err := project.Pack(ctx, from, bundle.Limits{})
	if err != nil {
		return nil, err
	}
	gateway, err := connect(c)
	if err != nil {
		return nil, err
	}
	defer gateway.Close()
	before, err := publishedBefore(ctx, c, gateway, from, packed, overwrite)
	if err != nil {
		return nil, err
	}
	name, last := "", int64(0)
	if before != nil {
		name = before.ID
		for _, line := range before.Logs {
			last = max(last, line.ID)
		}
	}
	s, err := gateway.Upload(ctx, name, packed.File, packed.Upload)
	if err != nil {
		return nil, err
	}
	say := c.ErrOrStderr()
	if asJSON, _ := c.Flags().GetBool("json"); !asJSON {
		say = c.OutOrStdout()
	}
	if err := command.Line(say, "%s, version %d, was uploaded", s.Slug, s.Version); err != nil {
		return nil, err
	}
	if isDirectory(from) && packed.ID != s.ID {
		if err := project.KeepID(from, s.ID); err != nil {
			return nil, fmt.Errorf("the script was uploaded, but its id %s could not be written into %s: %w", s.ID, bundle.ConfigurationName, err)
		}
	}
	if public {
		if s, err = gateway.Publish(ctx, s.ID); err != nil {
			return nil, fmt.Errorf("the script was uploaded, but is not public: %w", err)
		}
	}
	if noWait {
		return published{s}, nil
	}
	slow := time.AfterFunc(10*time.Second, func() {
		_ = command.Line(c.ErrOrStderr(), "it waits for a runner that builds it; an interrupt leaves it to that") // nobody misses it
	})
	defer slow.Stop()
	screen := terminal.NewScreen(say, c.ErrOrStderr())
	built, err := gateway.FollowBuild(ctx, s.ID, client.Following{Last: last, Poll: 500 * time.Millisecond}, func(line client.ScriptLine) error {
		slow.Stop()
		return screen.Line(client.Time(line.At), "", line.Text)
	})
	if ctx.Err() != nil {
		return nil, &command.Error{Code: command.Stopped, Err: fmt.Errorf("interrupted; the build goes on: fairway script logs --follow %s", s.Slug)}
	}
	if err != nil {
		return nil, err
	}
	if err := buildEnd(built, nil); err != nil {
		if asJSON, _ := c.Flags().GetBool("json"); asJSON {
			return published{built}, err
		}
		return nil, err
	}
	return published{built}, nil
}

// publishedBefore gives the script of which another version is to be uploaded, if that is wanted; nil: it is a new one.
func publishedBefore(ctx context.Context, c *command.Call, gateway *client.Client, from string, packed *project.Packed, overwrite bool) (*client.Script, error) {
	name := packed.ID
	if !isDirectory(from) {
		// A file has no id: it is called as the gateway calls it.
		name = bundle.Slug(strings.TrimSuffix(filepath.Base(from), filepath.Ext(from)))
	}
	if name == "" {
		return nil, nil //nolint:nilnil // as it is documented
	}
	before, err := gateway.Script(ctx, name, "logs")
	if no, is := errors.AsType[*client.Error](err); is && no.Status == http.StatusNotFound {
		if packed.ID == "" {
			return nil, nil //nolint:nilnil // as above
		}
		return nil, command.Missingf("the gateway has no script with the id %s, which %s names: take that out to publish the script as a new one", packed.ID, bundle.ConfigurationName)
	}
	if err != nil || overwrite {
		return before, err
	}
	said, err := c.Ask(ctx, fmt.Sprintf("%s was published before, and is version %d. Upload another? Write yes:", before.Slug, before.Version),
		fmt.Sprintf("%s was published before, and is version %d: --overwrite uploads another", before.Slug, before.Version))
	if err != nil {
		return nil, err
	}
	if said != "yes" {
		return nil, command.Usagef("nothing was uploaded")
	}
	return before, nil
}
