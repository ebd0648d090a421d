#!/busybox sh
# The guest's first process. Its root becomes the host's, on which it can change nothing: changes stay in its own memory.
set -e
bb=/busybox
for fs in proc sysfs devtmpfs; do
  case $fs in sysfs) at=/sys ;; devtmpfs) at=/dev ;; *) at=/proc ;; esac
  $bb mount -t $fs $fs $at
done
for module in /modules/*; do $bb insmod "$module"; done
$bb mount -t virtiofs -o ro host /host
$bb mount -t tmpfs -o size=80% changes /changes
$bb mkdir /changes/upper /changes/work
$bb mount -t overlay -o lowerdir=/host,upperdir=/changes/upper,workdir=/changes/work root /root
for at in proc sys dev; do $bb mount --move /$at /root/$at; done
$bb mount -t tmpfs run /root/run
$bb cp /job /busybox /root/run/
exec $bb switch_root /root /bin/sh /run/job
