# Arguments: a directory to work in, the archive, and the package for RPM. Ends with a failure as soon as something is
# not as it should be.
directory=$1 archive=$2 package=${3:-}
fail() {
	echo "check: $*" >&2
	exit 1
}

rm -rf "$directory"
mkdir -p "$directory/archive"
tar -xzf "$archive" -C "$directory/archive" --strip-components=1
chroot "$directory/archive" /usr/bin/tcpreuse --version
chroot "$directory/archive" /usr/bin/tcpreuse config >/dev/null
for file in LICENSE-MIT LICENSE-APACHE THIRD-PARTY.txt.gz README.md Containerfile; do
	test -s "$directory/archive/usr/share/doc/tcpreuse/$file" || fail "$file is not in the archive"
done

if [ -n "$package" ]; then
	root=$directory/rpm
	mkdir -p "$root"
	rpm --root "$root" --initdb
	rpm --query --package --scripts "$package" | sed 1d | sh -n
	# Its scripts need a shell, which is not there.
	rpm --root "$root" --ignorearch --nodeps --noscripts --install "$package"
	rpm --root "$root" --verify --nodeps tcpreuse
	chroot "$root" /usr/bin/tcpreuse --version
	cmp "$root/usr/bin/tcpreuse" "$directory/archive/usr/bin/tcpreuse"
	rpm --root "$root" --noscripts --erase tcpreuse
	left=$(find "$root/usr" -type f ! -path '*/rpm/*')
	test -z "$left" || fail "files are left over: $left"
fi
rm -rf "$directory"
