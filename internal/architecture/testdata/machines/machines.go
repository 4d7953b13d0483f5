// Package machines is sound on 64-bit machines that are no Windows.
package machines

import "syscall"

const most int = 1 << 40

func signal() syscall.Signal { return syscall.SIGUSR1 }
