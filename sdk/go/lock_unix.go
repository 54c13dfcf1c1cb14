//go:build unix

package cpmagent

import (
	"os"
	"syscall"
)

// shareLock takes a lock that many may have at once, without waiting. It ends with the file.
func shareLock(file *os.File) error {
	return syscall.Flock(int(file.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
}
