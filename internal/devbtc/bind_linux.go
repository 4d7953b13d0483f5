package devbtc

import (
	"os/exec"
	"syscall"
)

// bind makes the kernel kill the command when this process ends.
func bind(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
