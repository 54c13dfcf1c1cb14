//go:build !unix

package cpmagent

import (
	"errors"
	"os"
)

// shareLock always fails here: packages are then held by leases.
func shareLock(*os.File) error { return errors.ErrUnsupported }
