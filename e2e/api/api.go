// Package api asks the control API of gateways that may be killed meanwhile.
package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fairway-gateway/fairway/queries"
)

const (
	// askTimeout is for one answer, answerLimit the longest one.
	askTimeout  = 30 * time.Second
	answerLimit = 4 << 20
	// pause is between two questions of who insists.
	pause = 20 * time.Millisecond
)

// Client asks as one user, who logs in when he has to.
type Client struct {
	// Email and Password are the user's.
	Email, Password string
	// Patience is how long somebody insists.
	Patience time.Duration
	// HTTP makes the requests. Default http.DefaultClient.
	HTTP *http.Client
	// Disturbed is when something was killed the last time, in seconds since 1970.
	Disturbed atomic.Int64
	// Refused counts answers that its token is not good.
	Refused atomic.Int64

	mu         sync.Mutex
	url, token string
}

// At says where the API is from now on.
func (c *Client) At(url string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.url = url
}

// Answer is what the API said; status 0: it did not.
type Answer struct {
	Status int
	Body   []byte
}

// Ask makes a request of the API, with the user's token. Whoever asks asks again when nobody answers, or the store did not.
func (c *Client) Ask(ctx context.Context, method, path string, body []byte, header map[string]string) Answer {
	c.mu.Lock()
	url, token := c.url, c.token
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, url+path, bytes.NewReader(body))
	if err != nil {
		return Answer{}
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	for name, value := range header {
		request.Header.Set(name, value)
	}
	by := c.HTTP
	if by == nil {
		by = http.DefaultClient
	}
	response, err := by.Do(request)
	if err != nil {
		return Answer{}
	}
	defer response.Body.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(io.LimitReader(response.Body, answerLimit))
	if err != nil {
		return Answer{}
	}
	if response.StatusCode == http.StatusUnauthorized && path != "/auth" {
		c.Refused.Add(1)
		c.Login(ctx)
		return Answer{}
	}
	return Answer{response.StatusCode, text}
}

// Login gets a token, if the API gives one.
func (c *Client) Login(ctx context.Context) {
	c.mu.Lock()
	c.token = ""
	c.mu.Unlock()
	asked, err := json.Marshal(map[string]string{"email": c.Email, "password": c.Password})
	if err != nil {
		return
	}
	a := c.Ask(ctx, http.MethodPost, "/auth", asked, nil)
	var got struct {
		Token string `json:"access_token"`
	}
	if a.Status == http.StatusOK && json.Unmarshal(a.Body, &got) == nil {
		c.mu.Lock()
		c.token = got.Token
		c.mu.Unlock()
	}
}

// Token is the one that it asks with.
func (c *Client) Token() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.token
}

// Insist asks until there is an answer that is no failure of the store or of a gateway that starts.
func (c *Client) Insist(ctx context.Context, method, path string, body []byte, header map[string]string) (Answer, error) {
	deadline := time.Now().Add(c.Patience)
	for {
		a := c.Ask(ctx, method, path, body, header)
		if a.Status != 0 && a.Status < 500 && a.Status != http.StatusTooManyRequests && a.Status != http.StatusUnauthorized {
			return a, nil
		}
		if ctx.Err() != nil {
			return a, ctx.Err()
		}
		if time.Now().After(deadline) {
			return a, fmt.Errorf("%s %s: %d %s", method, path, a.Status, a.Body)
		}
		time.Sleep(pause)
	}
}

// Data is what an answer is about.
type Data struct {
	Data struct {
		ID          string          `json:"id"`
		Status      string          `json:"status"`
		Reason      string          `json:"reason"`
		Progress    int             `json:"progress"`
		Attempt     int             `json:"attempt"`
		MaxAttempts int             `json:"max_attempts"`
		Results     json.RawMessage `json:"results"`
		ResultsSize int             `json:"results_size"`
		ResultsURL  string          `json:"results_url"`
	} `json:"data"`
}

// Data reads an answer that went well.
func (a Answer) Data() (d Data, err error) {
	if a.Status != http.StatusOK {
		return d, fmt.Errorf("%d %.500s", a.Status, a.Body)
	}
	return d, json.Unmarshal(a.Body, &d)
}

// Form is a form with a script for a shell, and its type.
func Form(name, source string) (kind string, body []byte) {
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	part, _ := form.CreateFormFile("file", name+".sh") // to memory
	_, _ = part.Write([]byte(source))
	_ = form.Close()
	return form.FormDataContentType(), b.Bytes()
}

// Upload makes a script of a name for a shell and waits until it is built.
func (c *Client) Upload(ctx context.Context, name, source string) (id string, err error) {
	kind, form := Form(name, source)
	for id == "" {
		a, err := c.Insist(ctx, http.MethodPost, "/api/v1/script", form, map[string]string{"Content-Type": kind})
		if err != nil {
			return "", err
		}
		switch d, err := a.Data(); {
		case err == nil:
			id = d.Data.ID
		case strings.Contains(string(a.Body), "existing script"): // it was made, and nobody heard of it
			id = strings.ToLower(name)
		default:
			return "", err
		}
	}
	return c.built(ctx, id)
}

// built waits until a script is.
func (c *Client) built(ctx context.Context, id string) (string, error) {
	begun := time.Now()
	for {
		a, err := c.Insist(ctx, http.MethodGet, "/api/v1/script/"+id, nil, nil)
		if err != nil {
			return "", err
		}
		d, err := a.Data()
		switch {
		case err != nil:
			return "", err
		case d.Data.Status == queries.BuildSuccess:
			return d.Data.ID, nil
		case d.Data.Status == queries.BuildFail:
			return "", errors.New("the script cannot be built")
		case time.Since(begun) > c.Patience && time.Since(time.Unix(c.Disturbed.Load(), 0)) > c.Patience: // kills may come faster than scripts are built
			return "", fmt.Errorf("the script is %s", d.Data.Status)
		}
		time.Sleep(pause)
	}
}
