// Package chromium drives Debian's Chromium through the pages of a gateway, as a person would, and writes down what they ask for and
// what the browser has against them.
//
//	tab := chromium.Open(t, gateway.URL)
//	tab.Go("/api/v1/")
//	tab.Press("button.authorize")
//	tab.Sees("#dialog", "Logged in")
//
// A test ends in order only if the pages asked nobody but the gateway, and the browser's console and its issues are empty.
package chromium

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/fairway-gateway/fairway/internal/required"
)

// patience is how long something may take to be seen on a page.
const patience = 60 * time.Second

// Width and Height are those of the window, in pixels of CSS.
const (
	Width  = 1280
	Height = 900
)

// Tab is a page that is open.
type Tab struct {
	t      testing.TB
	ctx    context.Context //nolint:containedctx // it is the tab
	origin string

	mu       sync.Mutex
	asked    []string
	wrong    []string
	expected []string
	shots    int
}

// Open starts a browser of its own that knows no other name than those of this machine. It ends with the test.
func Open(t testing.TB, origin string) *Tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(required.Program(t, "chromium")), chromedp.WindowSize(Width, Height), chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("no-proxy-server", true), chromedp.DisableGPU,
	)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // it refuses to run as root in one
	}
	allocated, end := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(end)
	ctx, leave := chromedp.NewContext(allocated)
	t.Cleanup(leave)
	tab := &Tab{t: t, ctx: ctx, origin: origin}
	// The browser lives as long as the context with which it is first asked for something.
	if err := chromedp.Listen(ctx, tab.hear); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, audits.Enable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tab.end)
	return tab
}

// hear keeps what is to be judged at the end.
func (tab *Tab) hear(event any) {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		tab.asked = append(tab.asked, e.Request.URL)
	case *network.EventWebSocketCreated:
		tab.asked = append(tab.asked, e.URL)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning || e.Type == runtime.ConsoleAPICalledTypeAssert {
			args, _ := json.Marshal(e.Args)
			tab.wrong = append(tab.wrong, fmt.Sprintf("console.%s: %s", e.Type, args))
		}
	case *runtime.EventExceptionThrown:
		tab.wrong = append(tab.wrong, "exception: "+e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			tab.wrong = append(tab.wrong, fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	case *audits.EventIssueAdded:
		if e.Issue.Code == audits.InspectorIssueCodeGenericIssue {
			return // hints about forms
		}
		details, _ := json.Marshal(e.Issue.Details)
		tab.wrong = append(tab.wrong, fmt.Sprintf("%s: %s", e.Issue.Code, details))
	}
}

// end judges what was heard.
func (tab *Tab) end() {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	for _, url := range tab.asked {
		if !strings.HasPrefix(url, tab.origin+"/") && !strings.HasPrefix(url, "data:") && !tab.isExpected(url) {
			tab.t.Errorf("the page asks for %s", url)
		}
	}
	if len(tab.asked) == 0 {
		tab.t.Error("the page asked for nothing, which cannot be")
	}
	for _, text := range tab.wrong {
		if !tab.isExpected(text) {
			tab.t.Errorf("the browser says: %s", text)
		}
	}
}

func (tab *Tab) isExpected(text string) bool {
	return slices.ContainsFunc(tab.expected, func(part string) bool { return strings.Contains(text, part) })
}

// Expect has what the browser says, or whom the page asks, be right where it has a text in it.
func (tab *Tab) Expect(part string) {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	tab.expected = append(tab.expected, part)
}

// Heard waits until the browser has said something with a text in it.
func (tab *Tab) Heard(part string) {
	tab.t.Helper()
	tab.until("the browser says "+part, func() (bool, error) {
		tab.mu.Lock()
		defer tab.mu.Unlock()
		return slices.ContainsFunc(tab.wrong, func(text string) bool { return strings.Contains(text, part) }), nil
	})
}

// Go opens a path of the gateway, which answers with 200.
func (tab *Tab) Go(path string) {
	tab.t.Helper()
	tab.Visit(tab.origin + path)
}

// Visit opens an address, which may have the user and the password that the browser shows there from then on.
func (tab *Tab) Visit(address string) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	answer, err := chromedp.RunResponse(ctx, chromedp.Navigate(address))
	if err != nil {
		tab.t.Fatalf("%s: %v", address, err)
	}
	if answer.Status != http.StatusOK {
		tab.t.Fatalf("%s: %d", address, answer.Status)
	}
}

// Press clicks on what a selector of CSS finds first, once it is there, can be seen, and lies on top.
func (tab *Tab) Press(selector string) {
	tab.t.Helper()
	tab.await("press "+selector, `(() => {
		const e = document.querySelector(`+quoted(selector)+`);
		if (!e || e.disabled || !e.checkVisibility()) return false;
		const at = document.activeElement;
		if (at && at !== document.body && !e.contains(at)) { at.blur(); return false } // as a mouse does
		e.scrollIntoView({block: "center", behavior: "instant"});
		const r = e.getBoundingClientRect();
		const top = document.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2);
		if (!top || !(e.contains(top) || top.contains(e))) return false;
		e.click();
		return true;
	})()`)
}

// Type enters a text by the keyboard.
func (tab *Tab) Type(selector, text string) {
	tab.t.Helper()
	tab.await("see "+selector, `!!document.querySelector(`+quoted(selector)+`)?.checkVisibility()`)
	tab.do("type into "+selector, chromedp.SendKeys(chromedp.CSS(selector), text))
	tab.await("have typed into "+selector, `document.querySelector(`+quoted(selector)+`)?.value === `+quoted(text))
}

// Sees waits until a text can be read in what a selector finds first.
func (tab *Tab) Sees(selector, text string) {
	tab.t.Helper()
	tab.await(fmt.Sprintf("see %q in %s", text, selector), `(() => {
		const e = document.querySelector(`+quoted(selector)+`);
		return !!e && e.checkVisibility() && e.innerText.includes(`+quoted(text)+`);
	})()`)
}

// Is waits until an expression of JavaScript is true.
func (tab *Tab) Is(expression string) {
	tab.t.Helper()
	tab.await(expression, expression)
}

// Text gives what can be read in what a selector finds first.
func (tab *Tab) Text(selector string) string {
	tab.t.Helper()
	return Run(tab, chromedp.Evaluate[string](`document.querySelector(`+quoted(selector)+`)?.innerText ?? ""`))
}

// Run runs an action of package chromedp.
func Run[T any](tab *Tab, action chromedp.Action[T]) T {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, action)
	if err != nil {
		tab.t.Fatal(err)
	}
	return v
}

// Asked are the addresses that the pages have asked for.
func (tab *Tab) Asked() []string {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	return slices.Clone(tab.asked)
}

// Shoot keeps a picture of the whole page, for people, where the environment's FAIRWAY_SCREENSHOTS names a folder.
func (tab *Tab) Shoot(name string) {
	tab.t.Helper()
	dir := os.Getenv("FAIRWAY_SCREENSHOTS")
	if dir == "" {
		return
	}
	tab.shots++
	file := filepath.Join(dir, fmt.Sprintf("%s-%02d-%s.png", strings.ReplaceAll(tab.t.Name(), "/", "-"), tab.shots, name))
	if err := os.WriteFile(file, Run(tab, chromedp.CaptureScreenshot()), 0o600); err != nil {
		tab.t.Fatal(err)
	}
}

func (tab *Tab) do(what string, action chromedp.Action[chromedp.Void]) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, action); err != nil {
		tab.t.Fatalf("%s: %v", what, err)
	}
}

// await evaluates an expression until it is true.
func (tab *Tab) await(what, expression string) {
	tab.t.Helper()
	tab.until(what, func() (bool, error) {
		ctx, cancel := context.WithTimeout(tab.ctx, patience)
		defer cancel()
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](expression))
		// Another page may have come meanwhile.
		if _, thrown := errors.AsType[*chromedp.ExceptionError](err); err != nil && !thrown && !isProtocol(err) {
			return false, err
		}
		return ok && err == nil, nil
	})
}

func isProtocol(err error) bool {
	_, ok := errors.AsType[*cdproto.Error](err)
	return ok
}

// until looks again and again.
func (tab *Tab) until(what string, look func() (bool, error)) {
	tab.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		ok, err := look()
		if err != nil {
			tab.t.Fatalf("%s: %v", what, err)
		}
		if ok {
			return
		}
		if time.Now().After(deadline) {
			tab.Shoot("given-up")
			tab.t.Fatalf("%s: it did not come to that; the page says:\n%.3000s", what, tab.Text("body"))
		}
		time.Sleep(20 * time.Millisecond) // between two looks
	}
}

// quoted is a text in JavaScript.
func quoted(text string) string {
	b, _ := json.Marshal(text) // a text always is JSON
	return string(b)
}
