# Run by systemd in a container. /said ends with "the service is well", or with what is not.
exec >/said 2>&1
trap 'systemctl poweroff --force --no-block' EXIT
fail() {
	systemctl status --no-pager --full "tcpreuse-*"
	journalctl --no-pager --unit "tcpreuse-*"
	echo "check: $*"
	exit 1
}
# Waits half a minute for a command to succeed.
eventually() {
	for _ in $(seq 60); do
		"$@" && return
		sleep 0.5
	done
	return 1
}
# The value of a property of the agent.
agent() {
	systemctl show --property "$1" --value tcpreuse-serve
}
# The agent's answer to a request. bash has connections of its own.
get() {
	exec 3<>/dev/tcp/127.0.0.1/9779 || return
	printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$1" >&3
	cat <&3
	exec 3<&-
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
mkdir /etc/systemd/system/tcpreuse-serve.service.d
cat >/etc/systemd/system/tcpreuse-serve.service.d/hasty.conf <<-END
	[Service]
	Environment="TCPREUSE_SERVE=--interval 1s --keep-after 2s"
	WatchdogSec=3s
	RestartSec=100ms
END
systemctl daemon-reload
systemctl start tcpreuse-serve || fail "the agent does not start, or does not say that it is ready"
get /healthz | grep -q "200 OK" || fail "the agent is ready and does not answer"

systemctl reload tcpreuse-serve || fail "the agent does not read its settings again"
said_so() {
	journalctl --quiet --unit tcpreuse-serve | grep -q "the settings were read again"
}
eventually said_so || fail "the agent does not say that it has read its settings again"

systemctl kill --kill-who=main --signal=SIGUSR1 tcpreuse-serve
# The journal finds it by the ID of its kind.
is_kept() {
	journalctl --quiet --output cat MESSAGE_ID=3e16746183674c41b897f5b671b26aef | grep -q "^kept /"
}
eventually is_kept || fail "the agent does not tell that it has kept evidence"
tcpreuse verify /var/lib/tcpreuse-serve/evidence-kept/* || fail "the evidence it has kept is not whole"

stopped=$(agent MainPID)
kill -STOP "$stopped"
is_another() {
	[ "$(agent ActiveState)" = active ] && [ "$(agent MainPID)" -ne "$stopped" ]
}
eventually is_another || fail "the watchdog does not start an agent that hangs again"
journalctl --quiet --unit tcpreuse-serve | grep -q "Watchdog timeout" || fail "something else than the watchdog has ended it"
get /healthz | grep -q "200 OK" || fail "the agent does not answer after that"
systemctl stop tcpreuse-serve || fail "the agent does not stop"

# It is started by the first request, which it answers, when a socket of systemd listens for it.
cat >/etc/systemd/system/tcpreuse-serve.socket <<-END
	[Socket]
	ListenStream=127.0.0.1:9779
END
systemctl daemon-reload
systemctl start tcpreuse-serve.socket || fail "the socket does not listen"
[ "$(agent ActiveState)" = inactive ] || fail "the agent runs before anybody asks"
get /healthz | grep -q "200 OK" || fail "the agent does not answer the request that has started it"
[ "$(agent ActiveState)" = active ] || fail "the agent has not stayed"
systemctl stop tcpreuse-serve.socket tcpreuse-serve || fail "the agent does not stop"
[ "$(agent Result)" = success ] || fail "the agent ended badly"
echo "the service is well"
