# Run by systemd in a container. /said ends with "the service is well", or with what is not.
exec >/said 2>&1
trap 'systemctl poweroff --force --no-block' EXIT
fail() {
	systemctl status --no-pager --full tcpreuse-record
	journalctl --no-pager --unit tcpreuse-record
	echo "check: $*"
	exit 1
}
export DEBIAN_FRONTEND=noninteractive
dpkg --install "/$(cat /package)" || fail "it cannot be installed"
systemd-analyze verify --man=no tcpreuse-record.service 2>&1 | grep tcpreuse && fail "systemd does not like the unit"
systemctl start tcpreuse-record || fail "it does not start"
sleep 3
systemctl is-active tcpreuse-record || fail "it does not stay up"

pid=$(systemctl show --property MainPID --value tcpreuse-record)
status() {
	sed -n "s/^$1:[[:space:]]*\([^[:space:]]*\).*/\1/p" "/proc/$pid/status"
}
[ "$(status Uid)" -ne 0 ] || fail "it runs as root"
[ "$(status NoNewPrivs)" = 1 ] || fail "it may get new privileges"
[ "$(status Seccomp)" = 2 ] || fail "no filter of system calls is in force"
# CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE, CAP_SYS_ADMIN, CAP_PERFMON, CAP_BPF.
[ "$(status CapEff)" = 000000c000280004 ] || fail "it has the capabilities $(status CapEff)"

tcpreuse demo --format json >/demo.json || fail "the demo fails beside it"
systemctl stop tcpreuse-record || fail "it does not stop"
[ "$(systemctl show --property Result --value tcpreuse-record)" = success ] || fail "it ended badly"
tcpreuse verify /var/lib/tcpreuse/* || fail "what it recorded is not whole"
tcpreuse diagnose --format json --from /var/lib/tcpreuse/* >/from.json || fail "nothing comes of what it recorded"
opened=$(sed -n 's/.*"opened": \([0-9]*\).*/\1/p' /from.json | head -n 1)
[ "$opened" -gt 100 ] || fail "it saw $opened of the demo's connections"
[ "$(stat --format %a /var/lib/private/tcpreuse)" = 700 ] || fail "others can read what it recorded"
systemd-analyze verify --man=no tcpreuse-serve.service 2>&1 | grep tcpreuse && fail "systemd does not like the agent's unit"
systemctl start tcpreuse-serve || fail "the agent does not start, or does not say that it is ready"
systemctl reload tcpreuse-serve || fail "the agent does not read its settings again"
systemctl is-active tcpreuse-serve || fail "the agent does not stay up"
systemctl stop tcpreuse-serve || fail "the agent does not stop"
echo "the service is well"
