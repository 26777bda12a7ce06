// Package s3 is a bucket of S3, or of a server that speaks as S3 does, as gocloud.dev/blob has buckets. That has one of its own,
// over the SDK of AWS, which makes a binary longer by 9 MB; this one is over minio-go.
package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/gcerrors"
)

// Scheme is that of addresses.
const Scheme = "s3"

// errUnimplemented is said of what nobody needs.
var errUnimplemented = errors.New("a bucket of S3 does not do this here")

// Open opens a bucket: s3://bucket, with these in its query, of which each is there once:
//
//	region             where it is; default $AWS_REGION, $AWS_DEFAULT_REGION, or what the server says
//	endpoint           address of a server that is not Amazon's, http://host:port; default $AWS_ENDPOINT_URL_S3, $AWS_ENDPOINT_URL
//	s3ForcePathStyle   true: the bucket is in the path, not in the host's name, as with all servers that are not known; also use_path_style
//
// Who one is say, in this order, AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN; the file of AWS_SHARED_CREDENTIALS_FILE
// and AWS_PROFILE; and the role of the machine, the container or the pod, unless AWS_EC2_METADATA_DISABLED is true. Nothing is asked
// before the bucket is used.
func Open(u *url.URL) (*blob.Bucket, error) {
	if u.Host == "" || u.Path != "" && u.Path != "/" || u.User != nil {
		return nil, errors.New("want s3://bucket; a folder in it is ?prefix=folder/")
	}
	o, err := optionsOf(u.Query())
	if err != nil {
		return nil, err
	}
	client, err := minio.New(o.host, &minio.Options{Creds: identity(o.region), Secure: o.secure, Region: o.region, BucketLookup: o.lookup, MaxRetries: retries})
	if err != nil {
		return nil, fmt.Errorf("S3: %w", err)
	}
	return blob.NewBucket(&bucket{name: u.Host, client: minio.Core{Client: client}}), nil
}

// retries is how often a request is made that fails by the network or the server.
const retries = 4

type options struct {
	host, region string
	secure       bool
	lookup       minio.BucketLookupType
}

func optionsOf(query url.Values) (options, error) {
	o := options{host: "s3.amazonaws.com", secure: true, region: first(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"))}
	endpoint := first(os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL"))
	for name, values := range query {
		value := values[0]
		switch {
		case len(values) > 1:
			return o, fmt.Errorf("%s is there twice", name)
		case name == "region":
			o.region = value
		case name == "endpoint":
			endpoint = value
		case name == "s3ForcePathStyle" || name == "use_path_style":
			yes, err := strconv.ParseBool(value)
			if err != nil {
				return o, fmt.Errorf("%s is true or false, not %q", name, value)
			}
			if yes {
				o.lookup = minio.BucketLookupPath
			}
		default:
			return o, fmt.Errorf("%s is no parameter of S3: there are region, prefix, endpoint and s3ForcePathStyle", name)
		}
	}
	if endpoint == "" {
		return o, nil
	}
	at, err := url.Parse(endpoint)
	if err != nil || at.Scheme != "http" && at.Scheme != "https" || at.Host == "" || at.User != nil || at.Path != "" && at.Path != "/" || at.RawQuery != "" {
		return o, errors.New("endpoint is http://host:port or https://host:port")
	}
	o.host, o.secure = at.Host, at.Scheme == "https"
	return o, nil
}

func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// identity says who one is.
func identity(region string) *credentials.Credentials {
	all := []credentials.Provider{&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}}
	machine := os.Getenv("AWS_EC2_METADATA_DISABLED") != "true"
	for _, name := range []string{"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"} {
		machine = machine || os.Getenv(name) != ""
	}
	if machine {
		all = append(all, &credentials.IAM{Region: region})
	}
	return credentials.NewChainCredentials(all)
}

// bucket implements driver.Bucket, as far as package blobs needs it.
type bucket struct {
	name   string
	client minio.Core
}

// ErrorCode implements driver.Bucket.
func (*bucket) ErrorCode(err error) gcerrors.ErrorCode {
	if errors.Is(err, errUnimplemented) {
		return gcerrors.Unimplemented
	}
	said, ok := errors.AsType[minio.ErrorResponse](err)
	if !ok {
		return gcerrors.Unknown
	}
	switch said.Code {
	case "NoSuchKey", "NoSuchBucket", "NotFound":
		return gcerrors.NotFound
	case "AccessDenied":
		return gcerrors.PermissionDenied
	}
	switch said.StatusCode {
	case http.StatusNotFound:
		return gcerrors.NotFound
	case http.StatusForbidden, http.StatusUnauthorized:
		return gcerrors.PermissionDenied
	}
	return gcerrors.Unknown
}

// As implements driver.Bucket.
func (*bucket) As(any) bool { return false }

// ErrorAs implements driver.Bucket.
func (*bucket) ErrorAs(error, any) bool { return false }

// Attributes implements driver.Bucket.
func (b *bucket) Attributes(ctx context.Context, key string) (*driver.Attributes, error) {
	info, err := b.client.StatObject(ctx, b.name, key, minio.StatObjectOptions{})
	if err != nil {
		return nil, err
	}
	return &driver.Attributes{ContentType: info.ContentType, ModTime: info.LastModified, Size: info.Size, ETag: info.ETag}, nil
}

// ListPaged implements driver.Bucket. The token of a page is the last key of the one before.
func (b *bucket) ListPaged(ctx context.Context, o *driver.ListOptions) (*driver.ListPage, error) {
	if o.Delimiter != "" {
		return nil, errUnimplemented
	}
	const usual = 1000
	most := o.PageSize
	if most <= 0 {
		most = usual
	}
	listing, stop := context.WithCancel(ctx)
	defer stop()
	page := new(driver.ListPage)
	list := minio.ListObjectsOptions{Prefix: o.Prefix, Recursive: true, MaxKeys: min(most+1, usual), StartAfter: string(o.PageToken)}
	for info := range b.client.ListObjectsIter(listing, b.name, list) {
		if info.Err != nil {
			return nil, info.Err
		}
		if len(page.Objects) == most {
			page.NextPageToken = []byte(page.Objects[most-1].Key)
			break
		}
		page.Objects = append(page.Objects, &driver.ListObject{Key: info.Key, ModTime: info.LastModified, Size: info.Size})
	}
	return page, ctx.Err() // a listing that is stopped says nothing
}

// Copy implements driver.Bucket.
func (*bucket) Copy(context.Context, string, string, *driver.CopyOptions) error {
	return errUnimplemented
}

// Delete implements driver.Bucket. That there is nothing under a key is no error to S3.
func (b *bucket) Delete(ctx context.Context, key string, _ *driver.DeleteOptions) error {
	return b.client.RemoveObject(ctx, b.name, key, minio.RemoveObjectOptions{})
}

// SignedURL implements driver.Bucket.
func (*bucket) SignedURL(context.Context, string, *driver.SignedURLOptions) (string, error) {
	return "", errUnimplemented
}

// Close implements driver.Bucket.
func (*bucket) Close() error { return nil }

// Interface guard.
var _ driver.Bucket = (*bucket)(nil)
