# Arguments: a root, and the name of a package in it. Runs in namespaces of its own, which take the mounts
# with them when they end.
root=$1
package=$2
mount --make-rprivate /
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t tmpfs tmpfs "$root/tmp"
ip link set lo up
exec chroot "$root" /bin/sh -eu /inside.sh "/$package"
