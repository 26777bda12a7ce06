package try

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// savedLimit is the longest file that is read, in bytes.
const savedLimit = 256 << 20

// saved answers every request with what a file holds.
type saved struct {
	file        string
	content     []byte
	contentType string
}

// readSaved reads the files of --backend-file by the fetch that they answer; "" answers those that have no own.
func readSaved(files []string, contentType string) (map[string]*saved, error) {
	out := map[string]*saved{}
	for _, arg := range files {
		name, file, ok := strings.Cut(arg, "=")
		if !ok || !isName(name) {
			name, file = "", arg
		}
		if out[name] != nil {
			return nil, fmt.Errorf("--backend-file is there twice for the fetch %q", name)
		}
		content, err := readFile(file)
		if err != nil {
			return nil, fmt.Errorf("--backend-file: %w", err)
		}
		out[name] = &saved{file: file, content: content, contentType: contentType}
		resp, err := out[name].RoundTrip(&http.Request{Method: http.MethodGet})
		if err != nil {
			return nil, fmt.Errorf("--backend-file: %w", err)
		}
		resp.Body.Close()
	}
	return out, nil
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, savedLimit+1))
	if err != nil {
		return nil, err
	}
	if len(content) > savedLimit {
		return nil, fmt.Errorf("%s is longer than %d bytes", name, savedLimit)
	}
	return content, nil
}

// recorded reads a response as curl -i writes it: HTTP/2 too, and with a body that is no longer in the chunks that its
// header speaks of.
func (s *saved) recorded(req *http.Request) (*http.Response, error) {
	content := s.content
	for _, version := range [...]string{"HTTP/2 ", "HTTP/3 "} {
		if rest, ok := bytes.CutPrefix(content, []byte(version)); ok {
			content = append([]byte("HTTP/1.1 "), rest...)
		}
	}
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(content)), req)
	if err != nil {
		return nil, fmt.Errorf("%s begins like a recorded response and is none: %w", s.file, err)
	}
	if len(resp.TransferEncoding) == 0 {
		return resp, nil
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		_, body, _ = bytes.Cut(content, []byte("\r\n\r\n"))
	}
	resp.Body, resp.ContentLength, resp.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	return resp, nil
}

// isName says that s may name a fetch; anything else before a = is part of a file's name.
func isName(s string) bool {
	return s != "" && !strings.ContainsAny(s, "/\\. ")
}

// checkSaved refuses files for fetches that no route of the service has.
func checkSaved(files map[string]*saved, s *wrap.Service) error {
	names := s.FetchNames()
	for name := range files {
		if name != "" && !slices.Contains(names, name) {
			has := "its fetches have no names; write --backend-file and the file alone"
			if named := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == "" }); len(named) > 0 {
				slices.Sort(named)
				has = "it has " + strings.Join(slices.Compact(named), ", ")
			}
			return fmt.Errorf("--backend-file %s=…: the service %s has no fetch of this name; %s", name, s.Name, has)
		}
	}
	return nil
}

// RoundTrip answers req.
func (s *saved) RoundTrip(req *http.Request) (*http.Response, error) {
	if bytes.HasPrefix(s.content, []byte("HTTP/")) {
		return s.recorded(req)
	}
	h := http.Header{}
	if s.contentType != "" {
		h.Set("Content-Type", s.contentType)
	}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: h,
		Body: io.NopCloser(bytes.NewReader(s.content)), ContentLength: int64(len(s.content)), Request: req,
	}, nil
}

// credentials takes name:password apart. A password that is missing is environment, or asked for on a terminal.
func credentials(arg, environment string, in *os.File, prompt io.Writer) (user, password string, err error) {
	user, password, ok := strings.Cut(arg, ":")
	switch {
	case ok:
		return user, password, nil
	case environment != "":
		return user, environment, nil
	case !term.IsTerminal(int(in.Fd())):
		return "", "", errors.New("the user has no password: set FAIRWAY_PASSWORD, or run the command on a terminal")
	}
	fmt.Fprintf(prompt, "Password of %s: ", user)
	typed, err := term.ReadPassword(int(in.Fd()))
	fmt.Fprintln(prompt)
	if err != nil {
		return "", "", fmt.Errorf("reading the password: %w", err)
	}
	return user, string(typed), nil
}

var _ http.RoundTripper = (*saved)(nil)
