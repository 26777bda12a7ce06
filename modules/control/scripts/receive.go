package scripts

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"os"

	"github.com/danielgtaylor/huma/v2"

	"github.com/fairway-gateway/fairway/runner/bundle"
)

const (
	// mostArchive is how long an upload may be, in bytes.
	mostArchive = 10 << 20
	// MostBody is how long the body around an upload may be, in bytes: what else is in a form is little.
	MostBody = mostArchive + 64<<10
	// mostParts is how many fields a form may have.
	mostParts = 32
)

// newScript is a form with an upload, for the document.
type newScript struct {
	File string `json:"file" required:"true" format:"binary" doc:"The archive, or the file"`
}

// sent is a body that is read while it comes.
type sent struct {
	body io.Reader
	kind string
}

// Resolve implements huma.Resolver: it takes the body, and reads nothing of it.
func (s *sent) Resolve(ctx huma.Context) []error {
	s.body, s.kind = ctx.BodyReader(), ctx.Header("Content-Type")
	return nil
}

func errFileRequired() error { return refused("File Required") }

func errTooLarge() error { return refused("File too large (max 10MB)") }

// upload is a file that was sent, in a temporary file without a name. Close it.
type upload struct {
	*os.File
	name string
	size int64
}

// of gives the upload for package bundle.
func (u *upload) of() bundle.Upload {
	return bundle.Upload{Name: u.name, Content: u.File, Size: u.size}
}

// receive reads the field file of a form into a temporary file, and the form to its end: of half a form nothing is taken.
func receive(in *sent, most int64) (_ *upload, err error) {
	kind, params, err := mime.ParseMediaType(in.kind)
	if err != nil || kind != "multipart/form-data" || params["boundary"] == "" || in.body == nil {
		return nil, errFileRequired()
	}
	whole := http.MaxBytesReader(nil, io.NopCloser(in.body), most+MostBody-mostArchive)
	form := multipart.NewReader(whole, params["boundary"])
	var got *upload
	defer func() {
		if err != nil && got != nil {
			_ = got.Close() // it is thrown away
		}
	}()
	for n := 0; ; n++ {
		part, err := form.NextRawPart()
		switch {
		case errors.Is(err, io.EOF):
			if got == nil {
				return nil, errFileRequired()
			}
			return got, nil
		case err != nil:
			return nil, badForm(err)
		case n == mostParts:
			return nil, refused("Invalid File: the form has more than 32 fields")
		case part.FormName() != "file" || part.FileName() == "":
			continue
		case got != nil:
			return nil, refused("Invalid File: there are two files")
		}
		if got, err = store(part, most); err != nil {
			return nil, err
		}
	}
}

// badForm tells a form that is too long from one that is none.
func badForm(err error) error {
	if _, long := errors.AsType[*http.MaxBytesError](err); long {
		return errTooLarge()
	}
	return refused("Invalid File: the form is broken, or not whole")
}

// store writes a part into a temporary file.
func store(part *multipart.Part, most int64) (_ *upload, err error) {
	f, err := os.CreateTemp("", "fairway-upload-*")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = f.Close() // it is thrown away
		}
	}()
	// Whoever has it open has it still, and when the gateway dies nothing of it is left.
	if err := os.Remove(f.Name()); err != nil {
		return nil, err
	}
	n, err := io.Copy(f, &failing{io.LimitReader(part, most+1)})
	if broken, ok := errors.AsType[*readError](err); ok {
		return nil, badForm(broken.err)
	}
	if err != nil {
		return nil, err
	}
	if n > most {
		return nil, errTooLarge()
	}
	return &upload{File: f, name: part.FileName(), size: n}, nil
}

// failing has its reader's errors be told from those of who writes.
type failing struct{ from io.Reader }

func (f *failing) Read(b []byte) (int, error) {
	n, err := f.from.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &readError{err}
	}
	return n, err
}

type readError struct{ err error }

func (e *readError) Error() string { return e.err.Error() }

var _ huma.Resolver = (*sent)(nil)
