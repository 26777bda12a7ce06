package command

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// PasswordFlag adds the option by which a password comes from a file.
func PasswordFlag(f interface {
	String(name, value, usage string) *string
},
) {
	f.String("password-file", "", "File with the password in its first line (default: it is asked for on a terminal, else read from standard input)")
}

// passwordLimit is how many bytes are read for a password.
const passwordLimit = 4096

// errDifferent says that a password was not typed the same twice.
var errDifferent = errors.New("the two passwords are not the same")

// NewPassword gives a password that is to be set: of the file of the option password-file, of a terminal, which asks twice and
// shows nothing, else the first line of standard input. It is never an argument, which all who see the processes could read.
func (c *Call) NewPassword(ctx context.Context, of string) (string, error) {
	return c.password(ctx, of, true)
}

// Password gives a password that is to be shown to somebody, in the same ways; a terminal asks once.
func (c *Call) Password(ctx context.Context, of string) (string, error) {
	return c.password(ctx, of, false)
}

func (c *Call) password(ctx context.Context, of string, isNew bool) (string, error) {
	file, err := c.Flags().GetString("password-file")
	if err != nil {
		return "", err
	}
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return "", &Error{Code: Usage, Err: fmt.Errorf("--password-file: %w", err)}
		}
		defer f.Close()
		return firstLine(f, file, "a password")
	}
	if config, _ := c.Flags().GetString("config"); config == "-" {
		return "", Usagef("the configuration comes from standard input, so the password cannot: use --password-file")
	}
	in := c.InOrStdin()
	if f, ok := in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return c.typed(ctx, f, of, isNew)
	}
	return firstLine(in, "standard input", "a password")
}

// Line gives the first line of standard input: what is there.
func (c *Call) Line(what string) (string, error) {
	return firstLine(c.InOrStdin(), "standard input", what)
}

func firstLine(r io.Reader, where, what string) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, passwordLimit)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	if line == "" {
		return "", Usagef("%s has not %s in its first line", where, what)
	}
	return line, nil
}

// typed asks on a terminal.
func (c *Call) typed(ctx context.Context, f *os.File, of string, twice bool) (string, error) {
	first, err := c.ask(ctx, f, "Password of "+oneLine(of)+": ")
	if err != nil {
		return "", err
	}
	if len(first) == 0 {
		return "", Usagef("no password was typed")
	}
	if !twice {
		return string(first), nil
	}
	again, err := c.ask(ctx, f, "Once more: ")
	if err != nil {
		return "", err
	}
	if !bytes.Equal(first, again) {
		return "", &Error{Code: Usage, Err: errDifferent}
	}
	return string(first), nil
}

// ask reads a line that is not shown. An interrupt ends it with a terminal that shows again what is typed.
func (c *Call) ask(ctx context.Context, f *os.File, prompt string) ([]byte, error) {
	fd := int(f.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	fmt.Fprint(c.ErrOrStderr(), prompt)
	type answer struct {
		line []byte
		err  error
	}
	typed := make(chan answer, 1)
	go func() { // nothing ends a read of a terminal but the process, which ends after an interrupt
		line, err := term.ReadPassword(fd)
		typed <- answer{line, err}
	}()
	select {
	case a := <-typed:
		fmt.Fprintln(c.ErrOrStderr())
		if errors.Is(a.err, io.EOF) { // the terminal is gone
			return nil, Usagef("no password was typed")
		}
		return a.line, a.err
	case <-ctx.Done():
		fmt.Fprintln(c.ErrOrStderr())
		return nil, errors.Join(errors.New("interrupted"), term.Restore(fd, before))
	}
}

// Ask reads a line that is shown, on a terminal; elsewhere there is nobody to be asked, which is a usage error that says instead.
func (c *Call) Ask(ctx context.Context, prompt, instead string) (string, error) {
	f, ok := c.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return "", Usagef("%s", instead)
	}
	fmt.Fprint(c.ErrOrStderr(), oneLine(prompt)+" ")
	type answer struct {
		line string
		err  error
	}
	typed := make(chan answer, 1)
	go func() { // as above
		line, err := bufio.NewReader(io.LimitReader(f, passwordLimit)).ReadString('\n')
		typed <- answer{strings.TrimSpace(line), err}
	}()
	select {
	case a := <-typed:
		if a.err != nil && !errors.Is(a.err, io.EOF) {
			return "", a.err
		}
		return a.line, nil
	case <-ctx.Done():
		fmt.Fprintln(c.ErrOrStderr())
		return "", ctx.Err()
	}
}
