# Argument: a package. Ends with a failure as soon as something is not as it should be.
package=$1
export DEBIAN_FRONTEND=noninteractive
fail() {
	echo "check: $*" >&2
	exit 1
}
# What dpkg itself keeps of the state before, and its log, are no files of the package.
everything() {
	find / -xdev \( -path /tmp -o -path /var/log -o -path '/var/lib/dpkg/*-old' \) -prune -o -print | sort
}

everything >/tmp/before
dpkg --install "$package"
dpkg --verify tcpreuse

for file in \
	usr/share/man/man1/tcpreuse.1.gz \
	usr/share/man/man1/tcpreuse-record.1.gz \
	usr/share/bash-completion/completions/tcpreuse \
	usr/share/zsh/vendor-completions/_tcpreuse \
	usr/share/fish/vendor_completions.d/tcpreuse.fish \
	usr/lib/systemd/system/tcpreuse-record.service \
	usr/lib/systemd/system/tcpreuse-serve.service \
	usr/share/doc/tcpreuse/copyright; do
	test -s "/$file" || fail "/$file is not there"
done
bash -n /usr/share/bash-completion/completions/tcpreuse
find /etc/systemd /usr/lib/systemd -name 'tcpreuse*' -type l | grep . && fail "the service is enabled"

tcpreuse --version
tcpreuse doctor
tcpreuse demo --format json >/tmp/demo.json
grep -q '"schema": "tcpreuse.diagnosis/1"' /tmp/demo.json || fail "the demo gave no diagnosis"
grep -q '"answer": "yes"' /tmp/demo.json || fail "the demo gave another answer"

# As the unit does it, and from the recording again.
tcpreuse record --append --out /tmp/evidence --duration 2s >/tmp/recorded
tcpreuse verify /tmp/evidence
tcpreuse diagnose --from /tmp/evidence >/tmp/diagnosed

dpkg --purge tcpreuse
everything >/tmp/after
diff /tmp/before /tmp/after || fail "files are left over or gone"
