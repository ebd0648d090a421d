# What the guest does once its root is the host's, started in the checkout: guest.sh MODULES COMMAND...
# The command's output goes to the first serial port, its exit status to the second, with what it left in /run/result.
modules=$1
shift
trap '/run/busybox poweroff -f' EXIT

export HOME=/root TERM=dumb NO_COLOR=1 PATH="$PWD/node_modules/.bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
mkdir -p /dev/pts /dev/shm /lib/modules
mount -t devpts devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
mount --bind "$modules" /lib/modules
ip link set lo up

{ "$@"; echo $? >/run/status; } </dev/null 2>&1 | cat
cat /run/status /run/result >/dev/ttyS1
