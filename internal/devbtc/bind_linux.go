package devbtc

import (
	"os/exec"
	"syscall"
)

// bind has the kernel kill the command when we end.
func bind(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
