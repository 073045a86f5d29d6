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

# From the archive to an answer where nothing is installed, by the very line that both pages have.
line=$(sed -n 's/^# \(sha256sum .*\)/\1/p' /README.md /install.md | uniq)
[ "$(echo "$line" | wc -l)" = 1 ] || fail "README.md and install.md unpack the archive differently"
mkdir /tmp/first
cp /tcpreuse-*.tar.gz /SHA256SUMS /tmp/first
cd /tmp/first
start=$(date +%s)
eval "$line" || fail "the archive cannot be unpacked by: $line"
./tcpreuse demo >answer || fail "the demo fails"
took=$(($(date +%s) - start))
grep -q '^PROBLEM: 6 of 24 clients' answer || fail "the demo gave another answer"
[ "$took" -le 60 ] || fail "the first answer came after $took s"
echo "check: the first answer came after $took s"
cd /

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
