package doctor

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/fairway-gateway/fairway/internal/required"
)

// TestDisk looks at directories that can be written, or could be made.
func TestDisk(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	want(t, disk("disk", folder), OK, "can be written", "MiB are free")
	want(t, disk("disk", folder+"/not/yet"), OK, "can be made")
	if names := listed(t, folder); len(names) != 0 {
		t.Errorf("looking left %v", names)
	}
	write(t, folder+"/file", nil)
	want(t, disk("disk", folder+"/file"), Failure, "no directory")
	want(t, disk("disk", folder+"/file/below"), Failure)
}

// TestDiskOfAnother: a user without privileges cannot write it, and root is told whose it is.
func TestDiskOfAnother(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "some")
	if err := os.Mkdir(folder, 0o755); err != nil { // to be read by nobody
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		if err := os.Chmod(folder, 0o500); err != nil { // to be read
			t.Fatal(err)
		}
		want(t, disk("disk", folder), Failure, "permission denied", "give it to the user")
		return
	}
	const nobody = 65534
	found := make(chan Finding)
	go func() {
		runtime.LockOSThread()                                                      // and this thread ends with it
		if err := os.Chmod(filepath.Dir(filepath.Dir(folder)), 0o755); err != nil { // to be passed through
			t.Error(err)
		}
		if err := os.Chmod(filepath.Dir(folder), 0o755); err != nil { // to be passed through
			t.Error(err)
		}
		if err := unix.Setfsuid(nobody); err != nil {
			t.Error(err)
		}
		found <- disk("disk", folder)
	}()
	want(t, <-found, Failure, "permission denied", "give it to the user")
	if err := os.Chown(folder, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	want(t, disk("disk", folder), Warning, "of the user nobody", "as the user")
}

// TestDiskThatIsFull looks at disks that are full, nearly so, and read-only.
func TestDiskThatIsFull(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		required.Absent(t, "root", errors.New("disks are mounted by root"))
	}
	for _, c := range []struct {
		name, options string
		flags         uintptr
		fill          int64
		words         []string
	}{
		{"full", "size=64k", 0, 64 << 10, []string{"no space left"}},
		{"small", "size=1m", 0, 0, []string{"MiB are free", "free some room"}},
		{"read-only", "size=1g", unix.MS_RDONLY, 0, []string{"read-only file system"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			if err := unix.Mount("tmpfs", folder, "tmpfs", c.flags, c.options); err != nil {
				t.Skipf("nothing can be mounted here: %v", err)
			}
			t.Cleanup(func() {
				if err := unix.Unmount(folder, unix.MNT_DETACH); err != nil {
					t.Error(err)
				}
			})
			if c.fill > 0 {
				write(t, folder+"/large", make([]byte, c.fill))
			}
			want(t, disk("disk", folder), Failure, c.words...)
		})
	}
}
